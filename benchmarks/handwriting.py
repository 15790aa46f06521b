"""Speed of handwriting synthesis against plain torch: `python benchmarks/handwriting.py [--rounds N]`.

The network of Graves (2013), section 5, its LSTMs without peepholes, as torch has none. The other side is how one
writes it in torch: nn.LSTMCell in a loop for the layer with the window, nn.LSTM above it, a loss by logsumexp; for
writing a loop over nn.LSTMCell, point by point. Each side runs in its own process, in turns;
medians. A ratio is printed only where the results are right: loss and every gradient against float64, and the first
points of a line, error over largest value at most 2e-5 and 1e-3 (5e-2 with bfloat16 factors, 2e-2 with smaller
weights).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from command import print_place, print_table
from interleave import Peer, serve, take_turns
from torch import Tensor, nn
from torch.nn import functional

from unspool.cells.base import Cell
from unspool.engine.generator import WEIGHTS
from unspool.engine.library import has_bfloat16
from unspool.engine.products import products
from unspool.engine.writing import WindowText, Writer
from unspool.nets.scribe import SynthesisNet, shifted
from unspool.nets.window import Memory, remembered

SYMBOLS, COMPONENTS, WINDOW = 70, 20, 10
TRAINING = [(256, 2, 32, 400, 24), (400, 3, 32, 400, 24)]  # H, layers, B, T, U
WRITING = [(256, 2), (384, 3), (400, 3)]
PARTS = [1, *6 * [COMPONENTS]]  # end, weights, means of x and y, scales of x and y, correlations
POINTS, CHECKED = 400, 12
LINE = 24  # symbols of the text; about POINTS points


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("training", "writing"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peer:
        serve(Pens(given.peer).answer)
        return
    print_place()
    print(f"{given.threads} threads\n")
    if given.only in (None, "training"):
        training(given.threads, given.rounds)
    if given.only in (None, "writing"):
        writing(given.threads, given.rounds)


def training(threads: int, rounds: int) -> None:
    """Forward, loss, backward."""
    bounds = {"f32": 2e-5, "torch": 2e-5} | ({"bf16": 5e-2} if has_bfloat16() else {})
    peers, rows = [Peer(name, threads) for name in bounds], []
    for hidden, layers, batch, steps, width in TRAINING:
        sizes = {"hidden": hidden, "layers": layers, "batch": batch, "width": width}
        errors = {peer.name: peer.ask(do="check", steps=40, **sizes) for peer in peers}
        right = {name: error <= bounds[name] for name, error in errors.items()}
        seconds = take_turns(peers, rounds, do="train", steps=steps, **sizes)
        ratios = [
            f"{seconds['torch'] / seconds[name]:.2f}" if right[name] and right["torch"] else "WRONG"
            for name in bounds
            if name != "torch"
        ]
        times = [f"{1e3 * seconds[name]:.0f}" for name in bounds]
        worst = [f"{error:.1e}" for error in errors.values()]
        rows.append([f"{hidden}, {layers}, {batch}, {steps}, {width}", *times, *ratios, *worst])
    names = [f"{name} ms" for name in bounds] + [f"torch/{name}" for name in bounds if name != "torch"]
    print_table(["a training step: H, layers, B, T, U", *names, *(f"error {name}" for name in bounds)], rows)
    print()
    for peer in peers:
        peer.close()


def writing(threads: int, rounds: int) -> None:
    """A line of POINTS points, one sample; starting and converting the weights excluded."""
    peers, rows = [Peer(name, threads) for name in (*WEIGHTS, "torch")], []
    for hidden, layers in WRITING:
        sizes = {"hidden": hidden, "layers": layers, "batch": 1, "width": LINE}
        bounds = {name: 1e-3 if name in ("f32", "torch") else 2e-2 for name in (*WEIGHTS, "torch")}
        right = {peer.name: peer.ask(do="compare", **sizes) <= bounds[peer.name] for peer in peers}
        seconds = take_turns(peers, rounds, do="write", **sizes)
        times = [f"{1e6 * seconds[peer.name] / POINTS:.0f}" for peer in peers]
        ratios = [
            f"{seconds['torch'] / seconds[name]:.1f}" if right[name] and right["torch"] else "WRONG" for name in WEIGHTS
        ]
        rows.append([f"{hidden}, {layers}", *times, *ratios])
    names = [f"{peer.name} us" for peer in peers]
    print_table(["a point of a line: H, layers", *names, *(f"torch/{name}" for name in WEIGHTS)], rows)
    for peer in peers:
        peer.close()


class Plain(nn.Module):
    """The same network as one writes it with torch.nn alone."""

    def __init__(self, hidden: int, layers: int) -> None:
        super().__init__()
        read = 3 + SYMBOLS
        self.cell = nn.LSTMCell(read, hidden)
        self.window = nn.Linear(hidden, 3 * WINDOW)
        self.above = nn.ModuleList(nn.LSTM(read + hidden, hidden) for _ in range(layers - 1))
        self.output = nn.Linear(layers * hidden, 6 * COMPONENTS + 1)

    def look(self, h: Tensor, kappa: Tensor, text: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """kappa [B, K], w [B, V], phi [B, U + 1]."""
        alpha, beta, advance = self.window(h).exp().chunk(3, -1)
        kappa = kappa + advance
        places = torch.arange(1, text.shape[1] + 2, dtype=h.dtype)
        phi = (alpha[..., None] * torch.exp(-beta[..., None] * (kappa[..., None] - places) ** 2)).sum(1)
        return kappa, (phi[:, None, :-1] @ text)[:, 0], phi

    def loss(self, points: Tensor, text: Tensor) -> Tensor:
        """Nats of points [T, B, 3], summed."""
        batch = points.shape[1]
        x = functional.pad(points[:-1], (0, 0, 0, 0, 1, 0))
        h = c = x.new_zeros(batch, self.cell.hidden_size)
        kappa, w = x.new_zeros(batch, WINDOW), x.new_zeros(batch, SYMBOLS)
        states, windows = [], []
        for frame in x:
            h, c = self.cell(torch.cat([frame, w], 1), (h, c))
            kappa, w, _ = self.look(h, kappa, text)
            states.append(h)
            windows.append(w)
        hidden = [torch.stack(states)]
        seen = torch.cat([x, torch.stack(windows)], 2)
        for layer in self.above:
            hidden.append(layer(torch.cat([seen, hidden[-1]], 2))[0])
        return self.nats(self.output(torch.cat(hidden, 2)), points)

    def nats(self, raw: Tensor, points: Tensor) -> Tensor:
        """The negative log-density of points, summed, by (23)-(26)."""
        end, weight, mean_x, mean_y, scale_x, scale_y, slope = torch.split(raw, PARTS, -1)
        rho = slope.tanh()
        z_x = (points[..., :1] - mean_x) * (-scale_x).exp()
        z_y = (points[..., 1:2] - mean_y) * (-scale_y).exp()
        z = z_x**2 + z_y**2 - 2 * rho * z_x * z_y
        left = 1 - rho**2
        log_normal = -z / (2 * left) - math.log(2 * math.pi) - scale_x - scale_y - 0.5 * left.log()
        log_place = (weight.log_softmax(-1) + log_normal).logsumexp(-1)
        ends = functional.binary_cross_entropy_with_logits(-end[..., 0], points[..., 2], reduction="sum")
        loss: Tensor = ends - log_place.sum()
        return loss

    def cells(self) -> list[nn.LSTMCell]:
        """All layers, to be stepped."""
        found = [self.cell]
        for layer in self.above:
            assert isinstance(layer, nn.LSTM)
            found.append(nn.LSTMCell(layer.input_size, layer.hidden_size, dtype=self.window.weight.dtype))
            found[-1].load_state_dict(dict(zip(found[-1].state_dict(), layer.state_dict().values(), strict=True)))
        return found

    @torch.inference_mode()
    def write(self, cells: list[nn.LSTMCell], text: Tensor, uniforms: Tensor) -> Tensor:
        """Points [N, 3], by uniforms [N, 4]."""
        zeros = text.new_zeros(1, self.cell.hidden_size)
        states = [(zeros, zeros) for _ in cells]
        point, kappa, w, points = zeros[:, :3], zeros[:, :WINDOW], zeros.new_zeros(1, SYMBOLS), []
        for chosen, radius, angle, lifted in uniforms:
            states[0] = cells[0](torch.cat([point, w], 1), states[0])
            kappa, w, phi = self.look(states[0][0], kappa, text)
            bool((phi[:, -1:] > phi[:, :-1]).all())  # the stop rule is asked, and not obeyed: all lines are as long
            for index in range(1, len(cells)):
                states[index] = cells[index](torch.cat([point, w, states[index - 1][0]], 1), states[index])
            raw = self.output(torch.cat([h for h, _ in states], 1))[0]
            end, weight, mean_x, mean_y, scale_x, scale_y, slope = torch.split(raw, PARTS)
            one = int(torch.searchsorted(weight.softmax(0).cumsum(0), chosen).clamp(max=COMPONENTS - 1))
            length, turn, rho = (-2 * torch.log1p(-radius)).sqrt(), 2 * math.pi * angle, slope[one].tanh()
            a, b = length * turn.cos(), length * turn.sin()
            x = mean_x[one] + scale_x[one].exp() * a
            y = mean_y[one] + scale_y[one].exp() * (rho * a + (1 - rho**2).sqrt() * b)
            point = torch.stack([x, y, (lifted < torch.sigmoid(-end[0])).to(x)])[None]
            points.append(point)
        return torch.cat(points)


class Pens:
    """What a peer does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made: tuple[Any, Any] = (None, None)

    def answer(self, request: dict[str, Any]) -> Any:
        """Do it; a time is in seconds, an error over the largest value."""
        do, steps = request.pop("do"), request.pop("steps", POINTS)
        hidden, layers, batch, width = (request[name] for name in ("hidden", "layers", "batch", "width"))
        key = (hidden, layers, batch, width, steps, do)
        if self.made[0] != key:
            self.made = (key, self.make(do, *key[:5]))
        began = time.perf_counter()
        found = self.made[1]()
        return found if do in ("check", "compare") else time.perf_counter() - began

    def make(self, do: str, hidden: int, layers: int, batch: int, width: int, steps: int) -> Any:
        """What is timed, or what gives an error."""
        net, plain = networks(hidden, layers)
        points, memory = data(batch, steps, width)
        if do == "train":
            chosen = plain if self.name == "torch" else net
            return in_precision(chosen, self.name, lambda: train(chosen, points, memory))
        if do == "check":
            return lambda: training_error(self.name, (hidden, layers), points, memory)
        if self.name == "torch" and do == "write":
            cells, uniforms = plain.cells(), torch.rand(steps, 4, generator=torch.Generator().manual_seed(1))
            return lambda: plain.write(cells, memory.values, uniforms)
        writer = Writer(net.generation_plan(), "f32" if self.name == "torch" else self.name)  # type: ignore[arg-type]
        if do == "write":
            return lambda: line(writer, net, memory, steps)
        return lambda: writing_error(self.name, net, plain, writer, memory)


def networks(hidden: int, layers: int) -> tuple[SynthesisNet, Plain]:
    """The same weights in both, in every process. The window stays on the text: no line ends before its time."""
    torch.manual_seed(0)
    pace = LINE / (4 * POINTS)
    net = SynthesisNet(SYMBOLS, hidden, layers, components=COMPONENTS, window=WINDOW, pace=pace, peephole=False).eval()
    plain = Plain(hidden, layers)
    for theirs, ours in zip(parts(plain), parts(net), strict=True):
        theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    return net, plain


def in_precision(net: Any, name: str, work: Callable[[], Any]) -> Callable[[], Any]:
    """The work with bfloat16 factors in all products, for the peer of that name."""
    if name != "bf16":
        return work
    for part in parts(net):
        if isinstance(part, Cell):
            part.precision = "bf16"

    def rounded() -> Any:
        with products("bf16"):
            return work()

    return rounded


def data(batch: int, steps: int, width: int) -> tuple[Tensor, Memory]:
    """Points [T, B, 3] and texts of `width` symbols."""
    generator = torch.Generator().manual_seed(2)
    points = torch.randn(steps, batch, 3, generator=generator)
    points[..., 2] = (points[..., 2] > 1.7).float()
    return points, remembered(torch.randint(SYMBOLS, (batch, width), generator=generator), SYMBOLS)


def total(net: Any, points: Tensor, memory: Memory) -> Tensor:
    """The loss of either."""
    if isinstance(net, Plain):
        return net.loss(points, memory.values)
    return net.nats(shifted(points), points, memory=memory)[0].sum()  # type: ignore[no-any-return]


def train(net: Any, points: Tensor, memory: Memory) -> None:
    """A step without the optimizer, gradients made anew as a training does."""
    net.zero_grad(set_to_none=True)
    total(net, points, memory).backward()  # type: ignore[no-untyped-call]


def training_error(name: str, sizes: tuple[int, int], points: Tensor, memory: Memory) -> float:
    """Of loss and gradients, against torch in float64."""
    chosen, exact = networks(*sizes)[name == "torch"], networks(*sizes)[1].double()
    found = in_precision(chosen, name, lambda: gradients(chosen, points, memory))()
    truth = gradients(exact, points.double(), memory._replace(values=memory.values.double()))
    pairs = zip(found, truth, strict=True)
    return max(float((ours - theirs).abs().max() / theirs.abs().max()) for ours, theirs in pairs)


def gradients(net: Any, points: Tensor, memory: Memory) -> list[Tensor]:
    """The loss, and its gradients in the order of the parts."""
    loss = total(net, points, memory)
    return [loss.detach(), *torch.autograd.grad(loss, [weight for part in parts(net) for weight in part.parameters()])]


def parts(net: Any) -> list[Any]:
    """Cells, window and output, in the same order for both."""
    if isinstance(net, Plain):
        return [net.cell, *net.above, net.window, net.output]
    lowest, *above = (layer.cell for layer in net.stack.layers)
    return [lowest.cell, *above, lowest.shape, net.output]


def line(writer: Writer, net: SynthesisNet, memory: Memory, steps: int, seed: int = 1) -> Tensor:
    """A line by the native pen."""
    read = WindowText(memory.values, memory.lengths)
    (found,) = writer.write(net.init_state(1), torch.zeros(1, 3), read, [0], seed, limit=steps)
    if len(found.points) != steps:
        raise RuntimeError(f"the line ended after {len(found.points)} points")
    return found.points


def writing_error(name: str, net: SynthesisNet, plain: Plain, writer: Writer, memory: Memory) -> float:
    """Of the first points, against torch in float64."""
    from unspool.draws import Draws

    draws = Draws(1, [0])
    uniforms = torch.stack([draws.at(place) for place in range(4 * CHECKED)]).view(CHECKED, 4)
    if name == "torch":
        found = plain.write(plain.cells(), memory.values, uniforms.float())
    else:
        found = line(writer, net, memory, CHECKED)
    exact = plain.double().write(plain.double().cells(), memory.values.double(), uniforms)
    return float((found - exact).abs().max() / exact.abs().max())


if __name__ == "__main__":
    main()

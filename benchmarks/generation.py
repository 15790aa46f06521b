"""Speed of writing with LSTMs, against loops of other libraries: `python benchmarks/generation.py [--rounds N]`.

Embedding, layers, output layer, sampling at temperature 1, feedback; 96 symbols, embedding as wide as the layers. Each
library runs in its own process, in turns; medians. JAX and ONNX Runtime take part where they are installed. How fast
as many bytes as the float32 weights have can be read is measured in the same run. A ratio is printed only where the
scores are right: against float64 along the same symbols, error over largest score at most 2e-6 in float32.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from command import print_place, print_table
from interleave import Peer, serve, take_turns

from unspool.engine.generator import WEIGHTS, Generator
from unspool.engine.library import library
from unspool.nets.sequence import SequenceNet
from unspool.sampling import Sampling

SYMBOLS = 96
SIZES = [(128, 2), (256, 2), (512, 2), (512, 3), (1024, 1)]  # H, L
BATCHES = [1, 8, 64]
BOUNDS = {"f32": 2e-6, "bf16": 2e-2, "int8": 2e-2}
CHECKED = 50  # steps


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=2000, help="of batch 1; fewer of larger batches")
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="how many of the sizes")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peer:
        serve(Writer(given.peer).answer)
        return
    native = library()
    assert native is not None
    others = [name for name in ("jax", "onnxruntime") if importlib.util.find_spec(name)]
    peers = [Peer(name, given.threads) for name in (*WEIGHTS, "torch", *others)]
    rows = []
    for hidden, layers in SIZES[: given.sizes]:
        sizes = {"hidden": hidden, "layers": layers}
        ours = {peer.name: peer.ask(do="check", **sizes) for peer in peers[: len(WEIGHTS)]}
        size = ours["f32"]["bytes"]
        limit = native.unspool_peak_bandwidth(given.threads, size)
        for batch in BATCHES:
            steps = max(given.steps // batch, 100)
            seconds = take_turns(peers, given.rounds, do="write", batch=batch, steps=steps, **sizes)
            best = min(seconds[name] for name in ("torch", *others))
            right = {name: ours[name]["error"] <= BOUNDS[name] for name in WEIGHTS}
            ratios = [f"{best / seconds[name]:.2f}" if right[name] else "WRONG" for name in WEIGHTS]
            share = f"{size / seconds['f32'] / limit:.0%}" if batch == 1 and right["f32"] else ""
            times = [f"{1e6 * seconds[peer.name]:.1f}" for peer in peers]
            rows.append([f"{hidden}, {layers}, {batch}", *times, *ratios, share, f"{ours['f32']['error']:.1e}"])
    print_place()
    print(f"{given.threads} threads; microseconds a step, and the fastest other library over ours\n")
    names = [peer.name for peer in peers]
    header = ["H, L, B", *names, *(f"best/{name}" for name in WEIGHTS), "f32 of the bandwidth", "f32 error"]
    print_table(header, rows)
    for peer in peers:
        peer.close()


def network(hidden: int, layers: int) -> SequenceNet:
    """The same in every process."""
    torch.manual_seed(0)
    return SequenceNet(SYMBOLS, cell="lstm", hidden_size=hidden, layers=layers, embedding_size=hidden).eval()


class Writer:
    """What a peer does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made: tuple[Any, Any] = (None, None)

    def answer(self, request: dict[str, Any]) -> Any:
        """Check our scores, or write and return the seconds of a step."""
        sizes = (request["hidden"], request["layers"])
        if request["do"] == "check":
            return check(network(*sizes), self.name)
        key = (*sizes, request["batch"])
        if self.made[0] != key:
            make = {"torch": by_torch, "jax": by_jax, "onnxruntime": by_onnx}.get(self.name)
            net = network(*sizes)
            self.made = (key, make(net, request["batch"]) if make else by_us(net, request["batch"], self.name))
        began = time.perf_counter()
        self.made[1](request["steps"])
        return (time.perf_counter() - began) / request["steps"]


def check(net: SequenceNet, weights: str) -> dict[str, Any]:
    """Largest error over largest score, along random symbols, against float64."""
    plan = net.generation_plan()
    assert not isinstance(plan, str)
    generator = Generator(plan, weights)
    ids = torch.randint(SYMBOLS, (CHECKED, 2), generator=torch.Generator().manual_seed(1))
    state, worst = net.init_state(2), 0.0
    found = []
    for symbols in ids:
        scores, state = generator.step(symbols, state)
        found.append(scores)
    with torch.no_grad():
        truth = net.double()(ids).raw
    worst = float((torch.stack(found) - truth).abs().max() / truth.abs().max())
    return {"error": worst, "bytes": generator.bytes_per_step}


def by_us(net: SequenceNet, batch: int, weights: str) -> Callable[[int], None]:
    """Our native generator."""
    plan = net.generation_plan()
    assert not isinstance(plan, str)
    generator = Generator(plan, weights)

    def write(count: int) -> None:
        scores, state = torch.zeros(batch, SYMBOLS), net.init_state(batch)
        for _ in generator.generate(scores, state, Sampling(), range(batch), seed=1, length=count):
            pass

    return write


def by_torch(net: SequenceNet, batch: int) -> Callable[[int], None]:
    """A loop over torch.nn.LSTMCell."""
    cells = []
    for layer in net.stack:
        cell = torch.nn.LSTMCell(layer.input_size, layer.output_size)
        cell.load_state_dict(layer.cell.state_dict())  # type: ignore[attr-defined, operator]
        cells.append(cell)

    @torch.inference_mode()
    def write(count: int) -> None:
        ids = torch.zeros(batch, dtype=torch.int64)
        states = [(torch.zeros(batch, cell.hidden_size), torch.zeros(batch, cell.hidden_size)) for cell in cells]
        for _ in range(count):
            h = net.embed(ids)
            for index, cell in enumerate(cells):
                states[index] = cell(h, states[index])
                h = states[index][0]
            ids = net.output(h).softmax(-1).multinomial(1)[:, 0]

    return write


def by_jax(net: SequenceNet, batch: int) -> Callable[[int], None]:
    """One compiled lax.scan over the steps."""
    import jax
    import jax.numpy as jnp

    table, weight, bias = (
        jnp.asarray(t.detach().numpy()) for t in (net.embed(torch.arange(SYMBOLS)), *net.output.parameters())
    )
    layers = [[jnp.asarray(p.detach().numpy()) for p in layer.parameters()] for layer in net.stack]

    def step(carry: Any, key: Any) -> Any:
        ids, states = carry
        h, after = table[ids], []
        for (w_x, w_h, b_x, b_h), (before, c) in zip(layers, states, strict=True):
            i, f, g, o = jnp.split(h @ w_x.T + before @ w_h.T + b_x + b_h, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            after.append((h, c))
        ids = jax.random.categorical(key, h @ weight.T + bias)
        return (ids, after), ids

    zeros = [(jnp.zeros((batch, layer.output_size)),) * 2 for layer in net.stack]
    compiled = jax.jit(lambda keys: jax.lax.scan(step, (jnp.zeros(batch, int), zeros), keys)[1])
    return lambda count: compiled(jax.random.split(jax.random.key(0), count)).block_until_ready()


def by_onnx(net: SequenceNet, batch: int) -> Callable[[int], None]:
    """ONNX Runtime, one step of the whole network a call, sampled with NumPy."""
    import io

    import onnxruntime

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, ids: Any, *state: Any) -> Any:
            x, after = self.net.embed(ids), []
            for index, layer in enumerate(self.net.stack):
                w_x, w_h, b_x, b_h = layer.parameters()
                sums = x @ w_x.t() + state[2 * index] @ w_h.t() + b_x + b_h
                i, f, g, o = sums.chunk(4, dim=1)
                c = f.sigmoid() * state[2 * index + 1] + i.sigmoid() * g.tanh()
                x = o.sigmoid() * c.tanh()
                after += [x, c]
            return self.net.output(x).softmax(-1), *after

    state = [torch.zeros(batch, layer.output_size) for layer in net.stack for _ in range(2)]
    file = io.BytesIO()
    torch.onnx.export(Step(), (torch.zeros(batch, dtype=torch.int64), *state), file, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    draw = np.random.default_rng(0)

    def write(count: int) -> None:
        ids, values = np.zeros(batch, np.int64), [part.numpy() for part in state]
        for _ in range(count):
            chances, *values = session.run(None, dict(zip(names, [ids, *values], strict=True)))
            ids = (chances.cumsum(1) < draw.random((batch, 1))).sum(1).clip(max=SYMBOLS - 1)

    return write


if __name__ == "__main__":
    main()

"""Training speed of two layers, forward and backward, against torch.nn: `python benchmarks/training.py [--rounds N]`.

Each library runs in its own process, in turns; medians. The machine's float32 peak is measured in the same run. A
ratio is printed only where the results are right: every output and gradient against float64, error over largest value
at most max(2e-6, three times torch's own).
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from command import print_place, print_table
from interleave import Peer, serve, take_turns

import unspool.nn
from unspool.engine.library import library

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
SIZES = [(256, 64, 64), (512, 64, 64), (512, 100, 128), (128, 50, 50)]  # H, B, T
ODD = [(1, 1, 1), (3, 2, 5), (17, 7, 3), (33, 1, 4), (64, 5, 2), (100, 7, 5), (100, 1, 1), (50, 3, 1)]
RAGGED = (128, 256, 64)  # I, H, sequences, of 10 to 1000 steps


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=("dense", "small", "ragged"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peer:
        serve(Layers(given.peer).answer)
        return
    native = library()
    assert native is not None
    print_place()
    peak = native.unspool_peak_operations(given.threads) / 1e9
    print(f"{given.threads} threads, float32 peak {peak:.0f} GFLOP/s\n")
    peers = [Peer(name, given.threads) for name in ("unspool", "torch")]
    if given.only in (None, "dense"):
        dense(peers, given.rounds, peak)
    if given.only in (None, "small"):
        small(peers, given.rounds)
    if given.only in (None, "ragged"):
        ragged(peers, max(3, given.rounds // 3))
    for peer in peers:
        peer.close()


def dense(peers: list[Peer], rounds: int, peak: float) -> None:
    """Full batches, sizes that people train with."""
    rows = []
    for hidden, batch, steps in SIZES:
        for cell in GATES:
            request = {"cell": cell, "input": hidden, "hidden": hidden, "batch": batch, "steps": steps, "layers": 2}
            right = peers[0].ask(do="check", **{**request, "steps": min(steps, 32), "batch": min(batch, 32)})
            repeats = max(1, 2**25 // (hidden * hidden * batch * steps // 64))
            seconds = take_turns(peers, rounds, do="train", repeats=repeats, **request)
            operations = 3 * 2.0 * steps * batch * GATES[cell] * hidden * 2 * hidden * 2
            rate = operations / seconds["unspool"] / 1e9
            shown = [1e3 * seconds["unspool"], 1e3 * seconds["torch"]]
            ratio = f"{seconds['torch'] / seconds['unspool']:.2f}" if right["right"] else "WRONG"
            error = f"{right['error']:.1e}"
            rows.append([f"{cell} {hidden}, {batch}, {steps}", *shown, ratio, round(rate), f"{rate / peak:.0%}", error])
    print_table(["cell H, B, T", "unspool ms", "torch ms", "torch/unspool", "GFLOP/s", "of the peak", "error"], rows)


def small(peers: list[Peer], rounds: int) -> None:
    """One layer of sizes where starting costs more than computing."""
    rows = []
    for hidden, batch, steps in ODD:
        row: list[Any] = [f"{hidden}, {batch}, {steps}"]
        for cell in GATES:
            request = {"cell": cell, "input": hidden, "hidden": hidden, "batch": batch, "steps": steps, "layers": 1}
            right = peers[0].ask(do="check", **request)["right"]
            seconds = take_turns(peers, 3 * rounds, do="train", repeats=20, **request)
            row.append(f"{seconds['torch'] / seconds['unspool']:.2f}" if right else "WRONG")
        rows.append(row)
    print("\ntorch/unspool, one layer, forward and backward\n")
    print_table(["H, B, T", *GATES], rows)


def ragged(peers: list[Peer], rounds: int) -> None:
    """Sequences of 10 to 1000 steps: packed and padded."""
    rows = []
    size, hidden, batch = RAGGED
    ours, theirs = peers
    for cell in ("LSTM", "GRU"):
        request = {"cell": cell, "input": size, "hidden": hidden, "batch": batch, "steps": 1000, "layers": 1}
        right = ours.ask(do="check", packed=True, **{**request, "steps": 40, "batch": 8})
        times = [(ours.ask(do="packed", **request), theirs.ask(do="train", **request)) for _ in range(rounds)]
        packed, padded = (statistics.median(column) for column in zip(*times, strict=True))
        torch_packed = theirs.ask(do="packed", warm=False, **request)  # once: it takes minutes
        ratios = [f"{seconds / packed:.2f}" if right["right"] else "WRONG" for seconds in (torch_packed, padded)]
        rows.append([cell, packed, torch_packed, padded, *ratios, f"{right['error']:.1e}"])
    print(f"\n{batch} sequences of 10 to 1000 steps, I={size}, H={hidden}, one layer, forward and backward\n")
    header = ["cell", "unspool s", "torch packed s", "torch padded s", "packed/unspool", "padded/unspool", "error"]
    print_table(header, rows)


class Layers:
    """What a peer does."""

    def __init__(self, library: str) -> None:
        self.module = unspool.nn if library == "unspool" else torch.nn
        self.request: dict[str, Any] = {}

    def answer(self, request: dict[str, Any]) -> Any:
        """Do it; a time is in seconds."""
        do, repeats, warm = request.pop("do"), request.pop("repeats", 1), request.pop("warm", True)
        if do == "check":
            return check(request)
        if request != self.request:
            self.request = dict(request)
            self.layer, self.x = make(self.module, request)
            self.packed = pack(self.x.detach())
            self.dy = torch.randn(request["steps"], request["batch"], request["hidden"])
        if warm:
            self.step(do)  # the other process had the caches and the cores until now
        began = time.perf_counter()
        for _ in range(repeats):
            self.step(do)
        return (time.perf_counter() - began) / repeats

    def step(self, do: str) -> None:
        """One forward and backward pass, gradients made anew as a training does."""
        for tensor in (self.x, *self.layer.parameters()):
            tensor.grad = None
        if do == "packed":
            y = self.layer(self.packed)[0].data
            y.backward(torch.ones_like(y))
        else:
            self.layer(self.x)[0].backward(self.dy)


def make(module: Any, request: dict[str, Any], dtype: torch.dtype = torch.float32) -> tuple[Any, torch.Tensor]:
    """The same layer and input in every process."""
    torch.manual_seed(0)
    layer = getattr(module, request["cell"])(request["input"], request["hidden"], request["layers"])
    x = torch.randn(request["steps"], request["batch"], request["input"])
    return layer.to(dtype), x.to(dtype).requires_grad_()


def pack(x: torch.Tensor) -> torch.nn.utils.rnn.PackedSequence:
    """Sequences of 10 steps, or fewer, to as many as x [T, B, I] has."""
    lengths = torch.linspace(min(10, len(x)), len(x), x.shape[1]).long().flip(0)
    return torch.nn.utils.rnn.pack_padded_sequence(x, lengths)


def check(request: dict[str, Any]) -> dict[str, Any]:
    """Largest error over largest value, of all results, ours and torch's, against float64."""
    found = []
    for module, dtype in ((unspool.nn, torch.float32), (torch.nn, torch.float32), (torch.nn, torch.float64)):
        layer, x = make(module, request, dtype)
        y = layer(pack(x))[0].data if request.get("packed") else layer(x)[0]
        weights = torch.linspace(-1, 1, y.numel()).view(y.shape).to(dtype)
        found.append([y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], weights)])
    ours, theirs, truth = found
    right, worst = True, 0.0
    for one, other, true in zip(ours, theirs, truth, strict=True):
        largest = float(true.abs().max()) or 1.0
        errors = [float((values.double() - true).abs().max()) / largest for values in (one, other)]
        right &= errors[0] <= max(2e-6, 3 * errors[1])
        worst = max(worst, errors[0])
    return {"right": right, "error": worst}


if __name__ == "__main__":
    main()

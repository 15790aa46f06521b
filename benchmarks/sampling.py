"""`unspool sample RUN` against a loop over torch.nn.LSTMCell of the same network: `python benchmarks/sampling.py RUN`.

Start-up is excluded: the command writes a short text and a long one, and the difference counts. With --validate the
held-out loss of the run is also measured with weights rounded to bfloat16 and to bytes, step by step.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import torch
from command import print_place, print_table

import unspool
from unspool.engine.generator import WEIGHTS, Generator
from unspool.tasks.load import with_own_data

SHORT, LONG = 1_000, 41_000
LANES = 64


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--validate", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print_place()
    ways = {weights: (lambda weights=weights: by_command(given.run, given.threads, weights)) for weights in WEIGHTS}
    ways["torch"] = lambda: by_torch(given.run)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            taken[name].append(way())
    seconds = {name: statistics.median(values) for name, values in taken.items()}
    rows = [[name, 1e6 * spent, f"{seconds['torch'] / spent:.2f}"] for name, spent in seconds.items()]
    print(f"{unspool.load(given.run).model}\n\n{given.threads} threads\n")
    print_table(["", "microseconds a symbol", "times as fast as torch"], rows)
    if given.validate:
        print()
        losses = validate(given.run)
        rows = [[name, loss, f"{loss - losses['f32']:+.5f}"] for name, loss in losses.items()]
        print_table(["weights", "held-out nats", "over f32"], rows)


def by_command(run: str, threads: int, weights: str) -> float:
    """Seconds a symbol of `unspool sample`."""
    command = [sys.executable, "-m", "unspool", "sample", run, "--threads", str(threads), "--weights", weights]
    spent = []
    for length in (SHORT, LONG):
        began = time.perf_counter()
        subprocess.run([*command, "--length", str(length)], stdout=subprocess.DEVNULL, check=True)
        spent.append(time.perf_counter() - began)
    return (spent[1] - spent[0]) / (LONG - SHORT)


@torch.inference_mode()
def by_torch(run: str, length: int = 2_000) -> float:
    """Seconds a symbol of a loop that one writes with torch alone."""
    model = unspool.load(run).model
    cells = []
    for layer in model.stack:
        cell = torch.nn.LSTMCell(layer.input_size, layer.output_size)
        cell.load_state_dict(layer.cell.state_dict())
        cells.append(cell)
    states = [(torch.zeros(1, cell.hidden_size), torch.zeros(1, cell.hidden_size)) for cell in cells]
    ids = torch.zeros(1, dtype=torch.int64)
    for step in range(length + 100):
        if step == 100:
            began = time.perf_counter()
        x = share = model.embed(ids)
        for index, cell in enumerate(cells):
            states[index] = cell(share, states[index])
            share = torch.cat([x, states[index][0]], -1) if model.stack.skip else states[index][0]
        hidden = torch.cat([h for h, _ in states], -1) if model.stack.skip else states[-1][0]
        ids = model.scores(hidden).softmax(-1).multinomial(1)[:, 0]
    return (time.perf_counter() - began) / length


def validate(run: str) -> dict[str, float]:
    """Held-out nats a symbol with each kind of weights, the text in 64 lanes, one step after the other."""
    task = with_own_data(run, unspool.load(run))
    plan = task.model.generation_plan()
    assert not isinstance(plan, str)
    ids = torch.from_numpy(task.validation_ids.astype("int64"))
    steps = (len(ids) - 1) // LANES
    inputs, targets = (ids[first : first + LANES * steps].view(LANES, steps).t() for first in (0, 1))
    losses = {}
    for weights in WEIGHTS:
        generator, state, nats = Generator(plan, weights), task.model.init_state(LANES), 0.0
        for symbols, wanted in zip(inputs, targets, strict=True):
            scores, state = generator.step(symbols, state)
            nats += float(torch.nn.functional.cross_entropy(scores, wanted, reduction="sum"))
        losses[weights] = nats / targets.numel()
    return losses


if __name__ == "__main__":
    main()

"""Small trainings with pauses between them: `python benchmarks/idle.py [--rounds N]`.

A thread that was woken after a pause may land on its caller's own processor, where the two wait for each other. Here
one layer is run, forward and backward, right after the last run and after pauses, by unspool and by torch, each in a
process of its own. Medians are shown, and what 19 of 20 runs stay below. A regression shows as a pause that costs
milliseconds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from command import print_place, print_table
from interleave import Peer, serve

import unspool.nn

PAUSES = [0.0, 0.001, 0.01, 0.05]  # seconds
SIZE = {"hidden": 128, "batch": 32, "steps": 8}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peer:
        serve(answer(given.peer))
        return
    peers = [Peer(name, given.threads) for name in ("unspool", "torch")]
    rows = []
    for pause in PAUSES:
        row: list[Any] = [f"{1e3 * pause:g} ms"]
        for peer in peers:
            times = peer.ask(pause=pause, rounds=given.rounds)
            row += [1e3 * statistics.median(times), 1e3 * statistics.quantiles(times, n=20)[-1]]
        rows.append(row)
    print_place()
    print(f"LSTM, H={SIZE['hidden']}, B={SIZE['batch']}, T={SIZE['steps']}; {given.threads} threads, milliseconds\n")
    print_table(["pause before", "unspool median", "19 of 20 below", "torch median", "19 of 20 below"], rows)
    for peer in peers:
        peer.close()


def answer(name: str) -> Any:
    """What a peer does: the seconds of each run."""
    layer = (unspool.nn if name == "unspool" else torch.nn).LSTM(SIZE["hidden"], SIZE["hidden"])
    x = torch.randn(SIZE["steps"], SIZE["batch"], SIZE["hidden"])

    def respond(request: dict[str, Any]) -> list[float]:
        times = []
        for _ in range(request["rounds"]):
            time.sleep(request["pause"])
            began = time.perf_counter()
            layer(x)[0].sum().backward()
            times.append(time.perf_counter() - began)
        return times

    return respond


if __name__ == "__main__":
    main()

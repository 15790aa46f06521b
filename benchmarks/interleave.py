"""Time libraries against each other: each in a process of its own, their runs taking turns, so that what disturbs the
machine disturbs all of them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any


class Peer:
    """One library in its own process: this script again, with `--peer NAME`."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        command = [sys.executable, *sys.argv[:1], "--peer", name, "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request: Any) -> Any:
        """Send a request and wait for the answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()} on {request}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def serve(answer: Callable[[dict[str, Any]], Any]) -> None:
    """Be a peer: answer requests until there are no more."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def take_turns(peers: Sequence[Peer], rounds: int, **request: Any) -> dict[str, float]:
    """Return each peer's median of `rounds` answers to the same request; the first answer of each does not count."""
    answers: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(rounds + 1):
        for peer in peers:
            answer = peer.ask(**request)
            if number > 0:
                answers[peer.name].append(answer)
    return {name: statistics.median(seconds) for name, seconds in answers.items()}

"""`unspool predict RUN --stream` from outside: a causal LSTM labels the rows of many keyed streams, in a random order.

Rows go into the command's standard input and answers come out of its standard output; start-up does not count.
With --ways, a step of the stack alone by each of its two ways (`unspool.engine.stepping`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from command import print_place, print_table

import unspool
from unspool.engine import stepping
from unspool.engine.layers import Stack, build_stack

CHANNELS, UNITS = 4, 128
STATE_BYTES = 2 * UNITS * 4  # h and c
FULL, DIFFERENCE, MILLISECONDS, BYTES = 20_000, 1e-5, 5, 2048  # what is asked for


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--length", type=int, default=40, help="rows of a stream")
    parser.add_argument("--seconds", type=float, default=10, help="of a measurement of latency")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ways", action="store_true")
    given = parser.parse_args()
    print_place()
    if given.ways:
        return print_ways()
    with tempfile.TemporaryDirectory() as folder:
        run = trained(Path(folder))
        values = np.random.default_rng(1).normal(size=(given.streams, given.length, CHANNELS)).astype(np.float32)
        rows = table(values)
        rate, busy, memory = full_load(Command(run, given.threads), rows, given.streams)
        result = [
            ["events a second at full load", f"{rate:,.0f}", f">= {FULL:,}"],
            ["microseconds of processor time an event", f"{1e6 * busy:.1f}", ""],
            ["bytes a stream beyond its state", f"{memory:,.0f}", f"<= {BYTES:,}"],
        ]
        for share in (FULL / 2, rate / 2):
            delays = latency(Command(run, given.threads), rows, share, given.seconds)
            told = " / ".join(f"{1e3 * delay:.2f}" for delay in np.percentile(delays, (50, 99, 99.9, 100)))
            asked = f"99 % <= {MILLISECONDS}" if share == FULL / 2 else ""
            result.append([f"milliseconds at {share:,.0f} a second: 50 / 99 / 99.9 / 100 %", told, asked])
        worst = difference(Command(run, given.threads, "--json"), run, rows, values)
        result.append(["largest difference to the answer for whole sequences", f"{worst:.1e}", f"<= {DIFFERENCE:.0e}"])
    print(f"{given.streams} streams, {given.streams * given.length} rows, LSTM {UNITS}, {given.threads} threads\n")
    print_table(["", "measured", "asked"], result)
    return None


def trained(folder: Path) -> Path:
    """A labeller of steps, hardly trained: speed does not depend on what it has learned."""
    source = np.random.default_rng(0)
    x = source.normal(size=(64, 50, CHANNELS)).astype(np.float32)
    np.savez(folder / "data.npz", X=x, y=(x.cumsum(1)[..., 0] > 0).astype(np.int64))
    options = ["--causal", "--hidden-size", str(UNITS), "--layers", "1", "--steps", "20", "--quiet", "--no-baseline"]
    command = [sys.executable, "-m", "unspool", "train", "tagger", str(folder / "data.npz"), *options]
    subprocess.run([*command, "--out", str(folder / "run")], stdout=subprocess.DEVNULL, check=True)
    return folder / "run"


def table(values: np.ndarray) -> list[bytes]:
    """The rows of all streams [N, T, C], each stream's in their order, as lines of a CSV; the header is line 0."""
    names = ",".join(f"x{channel}" for channel in range(values.shape[2]))
    order = np.random.default_rng(2).permuted(np.repeat(np.arange(len(values)), values.shape[1]))
    step = np.zeros(len(values), int)
    lines = [f"key,{names}\n".encode()]
    for stream in order:
        lines.append(f"device-{stream:06},{','.join(map(str, values[stream, step[stream]]))}\n".encode())
        step[stream] += 1
    return lines


class Command:
    """The command, running."""

    def __init__(self, run: Path, threads: int, *flags: str) -> None:
        command = [sys.executable, "-m", "unspool", "predict", str(run), "--stream", "--key", "key", *flags]
        self.process = subprocess.Popen(
            [*command, "--threads", str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self.process.stdin and self.process.stdout
        self.rows, self.answers = self.process.stdin, self.process.stdout

    def ask(self, rows: list[bytes], header: bool = False) -> bytes:
        """Write rows as fast as they are taken, and return all answers."""
        writer = threading.Thread(target=self._write, args=(b"".join(rows),))
        writer.start()
        found, count = [], 0
        while count < len(rows) - header:
            found.append(os.read(self.answers.fileno(), 1 << 16))
            count += found[-1].count(b"\n")
        writer.join()
        return b"".join(found)

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[self.rows.write(rest) :]

    def resident(self) -> int:
        """Bytes of memory in use."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.partition("VmRSS:")[2].split()[0])

    def processor(self) -> float:
        """Seconds of processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Close its input and wait."""
        self.rows.close()
        assert self.process.wait() == 0


def full_load(command: Command, rows: list[bytes], streams: int) -> tuple[float, float, float]:
    """Rows a second, each stream known already; seconds of processor time a row; bytes a stream beyond its state."""
    few = sorted(rows[1:])[: len(rows) // 20]  # all rows of a twentieth of the streams
    order = np.random.default_rng(3).permutation(len(few))
    command.ask([rows[0], *(few[place] for place in order)], header=True)  # batches as large as they will be
    before = command.resident()
    first, measured = rows[1 : len(rows) // 4], rows[len(rows) // 4 :]
    command.ask(first)
    began, before_it = time.perf_counter(), command.processor()
    command.ask(measured)
    spent, busy = time.perf_counter() - began, command.processor() - before_it
    memory = (command.resident() - before) / (streams * 19 / 20) - STATE_BYTES
    command.end()
    return len(measured) / spent, busy / len(measured), memory


def latency(command: Command, rows: list[bytes], rate: float, seconds: float) -> np.ndarray:
    """Seconds from the moment that a row is due to its answer, rows being due at a rate."""
    command.ask(rows[: len(rows) // 4], header=True)
    measured = rows[len(rows) // 4 :][: int(rate * seconds)]
    came = np.empty(len(measured))

    def read() -> None:
        count = 0
        while count < len(measured):
            lines = os.read(command.answers.fileno(), 1 << 16).count(b"\n")
            came[count : count + lines] = time.perf_counter()
            count += lines

    reader = threading.Thread(target=read)
    began, sent = time.perf_counter(), 0
    reader.start()
    while sent < len(measured):
        due = min(int((time.perf_counter() - began) * rate), len(measured))
        if due > sent:
            command.rows.write(b"".join(measured[sent:due]))
            sent = due
        time.sleep(2e-4)
    reader.join()
    command.end()
    return came - (began + np.arange(1, len(measured) + 1) / rate)


def difference(command: Command, run: Path, rows: list[bytes], values: np.ndarray) -> float:
    """The largest difference of a probability to that of the whole sequence at once."""
    found = [json.loads(line) for line in command.ask(rows, header=True).splitlines()]
    command.end()
    whole = [np.array(answer["probabilities"]) for answer in unspool.load(run).answers(list(values))]
    step, worst = np.zeros(len(values), int), 0.0
    for row in found:
        stream = int(row["key"].removeprefix("device-"))
        worst = max(worst, abs(row["probability"] - whole[stream][step[stream]].max()))
        step[stream] += 1
    return worst


def print_ways() -> None:
    """Print microseconds of a step by torch's operators and by the kernel that the dispatcher chooses."""
    torch.set_num_threads(1)
    few, result = stepping.FEW, []
    for cell, units in (("lstm", 32), ("lstm", 128), ("gru", 128), ("lstm", 512)):
        stack = build_stack(cell, CHANNELS, units, 1).eval()
        for rows in (1, 8, 32, 64, 128, 512):
            x, state = torch.randn(rows, CHANNELS), stack.init_state(rows)
            taken = []
            for limit in (rows + 1, 0):
                stepping.FEW = limit
                taken.append(min(_seconds(stack, x, state) for _ in range(30)))
            result.append([f"{cell} {units}", rows, *(f"{1e6 * spent:.0f}" for spent in taken)])
    stepping.FEW = few
    print_table(["", "rows", "operators", "kernel"], result)


def _seconds(stack: Stack, x: torch.Tensor, state: object, times: int = 10) -> float:
    began = time.perf_counter()
    for _ in range(times):
        stepping.step_stack(stack, x, state)
    return (time.perf_counter() - began) / times


if __name__ == "__main__":
    main()

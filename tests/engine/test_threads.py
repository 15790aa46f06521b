"""For the call after a pause helpers are kept off the caller's processor; no mask but those, and none for longer."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import torch

import unspool.nn

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="processors are chosen on Linux only, and where there are two",
)


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def _masks() -> dict[int, set[int]]:
    """Thread -> the processors that it may run on."""
    return {int(thread): os.sched_getaffinity(int(thread)) for thread in os.listdir("/proc/self/task")}


def test_threads_may_run_everywhere_again_after_a_call() -> None:
    layer, x = unspool.nn.LSTM(32, 64), torch.randn(4, 24, 32)
    everywhere = os.sched_getaffinity(0)
    for _ in range(4):
        layer(x)[0].sum().backward()
        time.sleep(0.01)
    assert all(mask == everywhere for mask in _masks().values())


def test_two_callers_at_once_leave_every_mask_as_it_was() -> None:
    layer, x = unspool.nn.LSTM(32, 64), torch.randn(20, 24, 32)
    meet = threading.Barrier(3, timeout=30)
    processor = min(os.sched_getaffinity(0))

    def work(seed: int) -> None:
        torch.set_num_threads(2)
        everywhere, pauses = os.sched_getaffinity(0), random.Random(seed)
        with torch.no_grad():
            layer(x)
            meet.wait()  # all threads are there
            meet.wait()
            os.sched_setaffinity(0, [processor])  # both callers on one, where they take turns in the middle of calls
            for _ in range(25):
                time.sleep(0.003 + 0.001 * pauses.random())
                layer(x)
            os.sched_setaffinity(0, everywhere)
            meet.wait()
            meet.wait()

    callers = [threading.Thread(target=work, args=[seed]) for seed in (1, 2)]
    for caller in callers:
        caller.start()
    meet.wait()
    before = _masks()
    meet.wait()
    meet.wait()
    after = _masks()
    meet.wait()
    for caller in callers:
        caller.join()
    assert after == before


def test_a_mask_that_was_chosen_during_a_call_stays() -> None:
    layer, x = unspool.nn.LSTM(64, 256), torch.randn(100, 32, 64)
    everywhere = os.sched_getaffinity(0)
    caught, ended, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        torch.set_num_threads(2)
        deadline = time.monotonic() + 20
        with torch.no_grad():
            while not caught.is_set() and time.monotonic() < deadline:
                layer(x)
                time.sleep(0.005)
        ended.set()
        done.wait(30)  # its helpers live as long as it does

    caller = threading.Thread(target=work)
    caller.start()
    narrowed: dict[int, set[int]] = {}
    while not narrowed and not ended.is_set():
        narrowed = {thread: mask for thread, mask in _masks().items() if mask != everywhere}
    for thread, mask in narrowed.items():
        os.sched_setaffinity(thread, everywhere - mask)
    caught.set()
    ended.wait(30)
    found = {thread: os.sched_getaffinity(thread) for thread in narrowed}
    for thread in narrowed:
        os.sched_setaffinity(thread, everywhere)
    done.set()
    caller.join()
    assert found
    assert found == {thread: everywhere - mask for thread, mask in narrowed.items()}


FORKED = """
import os, time, torch, unspool.nn
torch.set_num_threads(2)
layer, x = unspool.nn.LSTM(64, 256), torch.randn(30, 32, 64)
masks = lambda: {thread: os.sched_getaffinity(int(thread)) for thread in os.listdir("/proc/self/task")}
with torch.no_grad():
    layer(x)
    before = masks()
    child = os.fork()
    if child == 0:
        for _ in range(3):
            time.sleep(0.005)
            layer(x)
        os._exit(0)
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        assert all(mask == before[thread] for thread, mask in masks().items())
        time.sleep(0.001)
"""


def test_a_forked_process_leaves_its_parents_threads_alone() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

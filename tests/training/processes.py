"""Commands in processes of their own that share one import of torch, to be ended by signals."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest import mock

PRELOADED = [
    "torch._dynamo",  # which the first optimiser imports
    "torch.optim",
    "safetensors.torch",
    "cyclopts",
    "rich.progress",
    "matplotlib.backends.backend_agg",
    "pandas",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "unspool.cli.training",
    "unspool.tasks.language.language",
    "unspool.tasks.whole.classifier",
    "unspool.tasks.whole.regressor",
    "unspool.tasks.tagging.tagger",
    "unspool.tasks.forecasting.forecaster",
    "unspool.tasks.pen.handwriting",
    "unspool.tasks.transcribing.transcriber",
]


def command(arguments: Sequence[str], errors: str, save_seconds: float, environment: Mapping[str, str]) -> None:
    """What runs in the process: `unspool ARGUMENTS`, its standard error in a file."""
    os.environ.update(environment)  # the server's is that of its own beginning

    import torch

    from unspool.cli.main import main
    from unspool.tasks import speed
    from unspool.training import loop

    torch.set_num_threads(1)
    loop.SAVE_SECONDS = save_seconds
    if "SPEED" in environment:
        speed.machine_speed = lambda: float(environment["SPEED"])
    with open(errors, "w") as file:
        os.dup2(file.fileno(), 2)
    main([*arguments, "--threads", "1"])


def start(
    arguments: Sequence[str], errors: Path, save_seconds: float = 30.0, environment: Mapping[str, str] | None = None
) -> ForkServerProcess:
    """Start a command."""
    return fork_of_server(command, (list(arguments), str(errors), save_seconds, environment or {}))


def fork_of_server(target: Callable[..., None], arguments: tuple[Any, ...]) -> ForkServerProcess:
    """Start a function in a fork of a process that has loaded all of PRELOADED, once for all."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=target, args=arguments)
    path = os.pathsep.join(filter(None, sys.path))  # the server finds what to load beforehand by this
    with mock.patch.dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS="1"):
        process.start()
    return process


def wait_for(condition: object, seconds: float = 60.0) -> None:
    """Wait until a function returns true."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.002)

"""From a file to the task object: what `unspool.load` and every verb on a trained model do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from unspool.cells.classic import ClassicCell
from unspool.errors import CheckpointError, SpecError, UnspoolError
from unspool.spec import from_dict, unknown_name
from unspool.tasks import task_entry
from unspool.tasks.shipped import model_file
from unspool.training import checkpoint
from unspool.training.folder import LAST, RunFolder
from unspool.training.options import Budget
from unspool.training.protocol import Task


def load(name: str | Path, device: str = "auto") -> Task:
    """Return the task object of a run folder, a model file, or the name of a model that comes with the package.

    Raises:
        CheckpointError: there is no such file, or it is damaged, of a later version, or not ours.
    """
    path = model_file(name)
    tensors, document = checkpoint.read(path, "model")
    task = task_of(document, path)
    with torch.device("meta"):  # sizes are compared before any memory is asked for
        sketch = checkpoint.parameters(_build(task, path))
    for parameter, target in sketch.items():
        if parameter in tensors:
            checkpoint.check_shape(str(path), parameter, tensors[parameter], target)
    if set(sketch) != set(tensors):
        raise CheckpointError(f"{path} does not fit its own options: weights are missing or unknown; use a backup")
    task.model = task.build()
    checkpoint.load_parameters(task.model, tensors, str(path))
    for cell in task.model.modules():
        if isinstance(cell, ClassicCell):
            cell.precision = "float32"  # bfloat16 is for training: what is written is the same on any processor
    task.model = task.model.to(choose_device(device)).eval()
    return task


def task_of(document: Mapping[str, Any], path: Path) -> Task:
    """Return the task that a file's document describes, its network not built yet."""
    try:
        kind = task_entry(document["task"]).load()
        task = kind.from_metadata(from_dict(kind.Options, document["options"]), document["data"])
        task.fingerprint = str(document["fingerprint"])
        return task
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, UnspoolError) as error:
        raise CheckpointError(f"{path} is damaged or of another version ({error}); use a backup") from error


def _build(task: Task, path: Path) -> torch.nn.Module:
    try:
        return task.build()
    except UnspoolError as error:
        raise CheckpointError(f"{path} is damaged: its options do not fit together ({error}); use a backup") from error


def choose_device(name: str) -> torch.device:
    """Return the device; "auto" takes CUDA where there is one.

    Raises:
        SpecError: the device does not exist here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name not in available:
        raise SpecError(unknown_name("device", name, available))
    if not available[name]:
        raise SpecError(f"--device {name} needs such a device, this machine has none; use --device auto or cpu")
    return torch.device(name)


def with_own_data(name: str, task: Task) -> Task:
    """Return the model's task with the data that its run was trained on and held out.

    Raises:
        CheckpointError: the data is not known any more, or has changed.
    """
    if not (Path(name) / LAST).is_file():
        raise CheckpointError(f"{name} is a model without its run, which keeps no data; name the DATA")
    folder = RunFolder.open(name)
    prepared = prepare_again(task, folder.read_last()[1], folder)
    prepared.model = task.model
    return prepared


def prepare_again(
    task: Task, document: Mapping[str, Any], folder: RunFolder, data: Any = None, budget: Budget | None = None
) -> Task:
    """Return a task like the given one with the data of its run, read again; `data` replaces what was in memory.

    Raises:
        CheckpointError: the data is not known any more, or has changed.
    """
    sources = data if data is not None else document.get("sources")
    if sources is None:
        raise CheckpointError(f"{folder.path} was trained on data in memory; pass or name the same data again")
    if data is None:
        sources = [str(folder.input) if item == "-" else item for item in sources]
    prepared = type(task).prepare(task.options, sources, budget, task)
    if prepared.fingerprint != document.get("fingerprint"):
        raise CheckpointError(
            f"the data of {folder.path} has changed since it was trained; restore it, name the DATA where that is "
            f"possible, or start anew with `unspool train {task.name} DATA --from {folder.path}`"
        )
    return prepared

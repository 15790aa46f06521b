"""The folder of a run and the files in it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from torch import Tensor

from unspool.errors import CheckpointError
from unspool.spec import to_dict
from unspool.training import checkpoint
from unspool.training.lock import Lock
from unspool.training.protocol import Task
from unspool.training.state import Snapshot

MODEL, LAST, LOG = "model.safetensors", "last.safetensors", "log.jsonl"
CURVE, SAMPLES, INPUT = "curve.png", "samples.html", "input.txt"
PICTURES = ("confusion", "reliability", "answers", "forecast", "coverage")  # that tasks draw
RESUME = "free some space and resume"  # where a file of a run cannot be written
GOOD = "good/"  # before the names of the tensors that a roll-back goes back to
OURS = (MODEL, LAST, LOG, CURVE, SAMPLES, INPUT, *(f"{name}.png" for name in PICTURES))


@dataclass(frozen=True)
class RunFolder:
    """One run on disk: `model.safetensors`, `last.safetensors`, `log.jsonl`, and pictures."""

    path: Path
    lock: Lock | None = field(default=None, compare=False, repr=False)

    @classmethod
    def reserve(cls, out: str | None, task: str, *, force: bool = False) -> RunFolder:
        """Make and lock the folder: `out`, or `runs/<task>-<n>` with the next free number; a run in it stays for now.

        Raises:
            CheckpointError: a run is there already and `force` is not set, another process trains there, or the folder
                cannot be made.
        """
        path = Path("runs") if out is None else Path(out)
        if path.exists() and not path.is_dir():
            raise CheckpointError(f"--out must be a folder, {path} is a file; choose another name")
        try:
            path.mkdir(parents=True, exist_ok=True)
            path = _numbered(path, task) if out is None else path
        except OSError as error:
            raise CheckpointError(f"the run folder {path} cannot be made ({error}); choose another --out") from error
        folder = cls(path).claim()
        if not force and (found := [name for name in OURS if (path / name).exists()]):
            folder.release()
            whole = f"a run; go on with `unspool resume {path}`" if LAST in found else found[0]
            raise CheckpointError(f"{path} already holds {whole}, choose another --out, or overwrite it with --force")
        return folder

    def claim(self) -> RunFolder:
        """Return the folder locked, without what a killed process left half-written.

        Raises:
            CheckpointError: another process trains there.
        """
        folder = replace(self, lock=Lock(self.path))
        folder.clean()
        return folder

    def release(self) -> None:
        """Let other processes train in the folder."""
        if self.lock is not None:
            self.lock.release()

    def clear(self) -> None:
        """Remove the run that `--force` overwrites; other files of the user stay."""
        for name in OURS:
            (self.path / name).unlink(missing_ok=True)

    @classmethod
    def open(cls, name: str) -> RunFolder:
        """Return an existing run.

        Raises:
            CheckpointError: there is no such folder, or it holds no run.
        """
        path = Path(name)
        if not (path / LAST).is_file():
            raise CheckpointError(f"resume needs the folder of a run with {LAST} in it, {path} has none; give another")
        return cls(path)

    @property
    def model(self) -> Path:
        """The best model so far."""
        return self.path / MODEL

    @property
    def last(self) -> Path:
        """What exact resume needs."""
        return self.path / LAST

    @property
    def log(self) -> Path:
        """One JSON object a line."""
        return self.path / LOG

    def clean(self) -> None:
        """Remove what a killed process left half-written; only who holds the lock may."""
        for name in OURS:
            for leftover in self.path.glob(f".{name}*.tmp"):
                leftover.unlink(missing_ok=True)

    def write_model(self, task: Task, training: dict[str, Any]) -> None:
        """Write the self-contained model file."""
        document = model_document(task, training)
        checkpoint.write(self.model, "model", checkpoint.parameters(task.model), document, RESUME)

    def write_last(self, task: Task, snapshot: Snapshot, cycle: dict[str, Any], good: Snapshot | None = None) -> None:
        """Write what `resume` needs, in one file; `good` is where a roll-back goes, if elsewhere."""
        document = {**model_document(task, {}), **snapshot.values, "cycle": cycle, "sources": task.sources}
        tensors = snapshot.tensors
        if good is not None:
            document["good"] = good.values
            tensors = {**tensors, **{GOOD + name: tensor for name, tensor in good.tensors.items()}}
        checkpoint.write(self.last, "training", tensors, document, RESUME)

    def read_last(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors and the document of `last.safetensors`."""
        return checkpoint.read(self.last, "training")

    def saved_step(self) -> int | None:
        """Return the update that `last.safetensors` stands at, None where there is none."""
        try:
            return int(checkpoint.read_document(self.last, "training")[1]["place"]["step"])
        except (CheckpointError, KeyError, TypeError, ValueError):
            return None

    def cut_log(self, step: int, rollbacks: int = 0) -> None:
        """Drop the lines beyond `step` after so many roll-backs: the resumed training writes them again."""
        if not self.log.is_file():
            return
        kept, seen = [], 0
        for line in self.log.read_text(encoding="utf-8").splitlines():
            try:
                values = json.loads(line)
                seen += "rolled_back_from" in values
                if seen < rollbacks or (seen == rollbacks and values["step"] <= step):
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                continue  # a line cut short by a power cut
        checkpoint.write_text(self.log, "".join(kept), RESUME)

    @property
    def input(self) -> Path:
        """The text that came through standard input, kept so that the run can be resumed."""
        return self.path / INPUT

    def remove_if_empty(self) -> None:
        """Remove what `reserve` made when the training could not begin; whatever else is there stays."""
        self.clean()
        with contextlib.suppress(OSError):
            self.path.rmdir()


def _numbered(parent: Path, task: str) -> Path:
    """Make the first folder `<task>-<n>` that nobody has made."""
    for number in count(1):
        with contextlib.suppress(FileExistsError):
            path = parent / f"{task}-{number}"
            path.mkdir()
            return path
    raise AssertionError


def model_document(task: Task, training: dict[str, Any]) -> dict[str, Any]:
    """Return what a model file says beside its weights."""
    return {
        "task": task.name,
        "options": to_dict(task.options),
        "data": task.metadata(),
        "fingerprint": task.fingerprint,
        "description": task.describe(),
        "training": training,
    }

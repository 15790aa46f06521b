"""What a run folder or model file holds, told without building the network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from unspool.errors import CheckpointError, UnspoolError
from unspool.tasks.shipped import model_file
from unspool.training import checkpoint
from unspool.training.folder import LAST, LOG
from unspool.training.log import read_log


def describe_model(name: str | Path) -> dict[str, Any]:
    """Return task, card, options, data and result of a run folder, a model file, or a model of the package."""
    file = model_file(name)
    shapes, document = checkpoint.read_document(file, "model")
    return {
        "file": str(file),
        "task": document.get("task"),
        "weights": sum(math.prod(shape) for shape in shapes.values()),
        "stored_as": document.get("weights", "f32"),
        **({"card": document["card"]} if "card" in document else {}),
        "options": document.get("options", {}),
        "data": document.get("description", {}),
        "training": document.get("training", {}),
        "advice": _advice(Path(name)),
        "tensors": shapes,
    }


def _advice(path: Path) -> list[str]:
    """What a finished run suggested at its end."""
    lines = read_log(path / LOG) if path.is_dir() else []
    return next((line["advice"] for line in reversed(lines) if "advice" in line), [])


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """Return one row for each run in a folder, by name; a damaged run is a row that says so."""
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}; give the folder that holds the runs")
    return [_row(path.parent) for path in sorted(folder.glob(f"*/{LAST}"))]


def _row(path: Path) -> dict[str, Any]:
    row: dict[str, Any] = {"run": str(path), "task": "-", "state": "damaged", "step": 0, "validation_loss": None}
    try:
        _, document = checkpoint.read_document(path / LAST, "training")
        place = document["place"]
        row |= {"task": document["task"], "step": place["step"], "validation_loss": place["best"]}
        row["state"] = f"finished ({place['finished']})" if place["finished"] else "resumable"
    except (UnspoolError, KeyError, TypeError):
        pass
    return row

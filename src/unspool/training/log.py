"""Readers of a training's events: `log.jsonl`, and the learning curve drawn from it."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from unspool.errors import CheckpointError, MissingExtra
from unspool.figure import new_figure, save
from unspool.training.events import Event, Finished, Progress, RolledBack, Sampled, Started, Validated
from unspool.training.folder import CURVE, RunFolder

LINES = 500  # of training progress in one log


def recorded(events: Generator[Event], folder: RunFolder) -> Generator[Event]:
    """Pass events on and write `log.jsonl` on the way; closing it closes `events`, and its end unlocks the folder."""
    every = 10
    try:
        for event in events:
            if isinstance(event, Started) and event.total is not None:
                every = max(1, event.total // LINES)
            if line := _line(event, every):
                with folder.log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
            yield event
    except OSError as error:
        raise CheckpointError(f"{folder.log} cannot be written ({error}); free some space and resume") from error
    finally:
        try:
            events.close()
        finally:
            folder.release()


def _line(event: Event, every: int) -> dict[str, Any] | None:
    common = {"step": event.step, "seconds": round(event.seconds, 3)}
    if isinstance(event, Progress) and event.step % every == 0:
        return {
            **common,
            "epoch": event.epoch,
            "loss": event.loss,
            "learning_rate": event.learning_rate,
            "tokens_per_second": round(event.items_per_second, 1),
        }
    if isinstance(event, Validated):
        plain = {name: value for name, value in event.metrics.items() if isinstance(value, (int, float, str))}
        return {**common, **plain, "best": event.best}
    if isinstance(event, RolledBack):
        return {**common, "rolled_back_from": event.failed_step, "scale": event.scale, "reason": event.reason}
    if isinstance(event, Sampled):
        return {**common, "sample": event.text}
    if isinstance(event, Finished):
        return {**common, "finished": event.reason, "advice": event.advice}
    return None


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log; a last line cut short is left out."""
    lines: list[dict[str, Any]] = []
    if not path.is_file():
        return lines  # nothing has happened yet
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def draw_curve(folder: RunFolder, unit: str) -> Path | None:
    """Draw training and validation loss over updates into `curve.png`; None without matplotlib or with an empty log."""
    if not (lines := read_log(folder.log)):
        return None
    try:
        figure = new_figure(7, 4)
    except MissingExtra:
        return None
    axes = figure.subplots()
    _plot(axes, lines, "loss", "training", marker=None)
    _plot(axes, lines, "validation_loss", "validation", marker="o")
    values = [line["validation_loss"] for line in lines if "validation_loss" in line]
    title = f"best validation loss {min(values):.4f} {unit}" if values else ""
    axes.set(xlabel="update", ylabel=f"loss ({unit})", title=title)
    axes.legend()
    axes.grid(alpha=0.3)
    return save(figure, folder.path / CURVE)


def _plot(axes: Any, lines: Iterable[dict[str, Any]], key: str, label: str, marker: str | None) -> None:
    points = [(line["step"], line[key]) for line in lines if key in line]
    if points:
        axes.plot(*zip(*points, strict=True), label=label, marker=marker, markersize=3)

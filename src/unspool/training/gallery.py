"""A page of what a network wrote as it learned, from noise to words to sentences, read from the run's log."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from unspool.training.checkpoint import write_text
from unspool.training.folder import SAMPLES, RunFolder
from unspool.training.log import read_log
from unspool.webpage import visible, webpage

STYLE = ".text { font-size: .95rem; padding: .6rem 1rem; } h2 span { color: var(--soft); font-weight: normal; }\n"


def draw_samples(folder: RunFolder, unit: str) -> Path | None:
    """Write `samples.html`; None where the log holds no sample."""
    loss: dict[str, float] = {}
    sections = []
    for line in read_log(folder.log):
        loss |= {name: line[name] for name in ("loss", "validation_loss") if name in line}
        if "sample" in line:
            sections.append(_section(line, loss, unit))
    if not sections:
        return None
    path = folder.path / SAMPLES
    write_text(path, webpage(f"{folder.path.name}: from the first update to the last", "\n".join(sections), STYLE))
    return path


def _section(line: dict[str, Any], loss: dict[str, float], unit: str) -> str:
    told = []
    if "loss" in loss:
        told.append(f"training loss {loss['loss']:.3f}")
    if "validation_loss" in loss:
        told.append(f"validation loss {loss['validation_loss']:.3f}")
    numbers = f" {', '.join(told)} {unit}" if told else ""
    seconds = f"{line['seconds']:,.0f} s"
    head = f"<h2>update {line['step']:,} <span>after {seconds}{';' if told else ''}{escape(numbers)}</span></h2>"
    return f'{head}\n<div class="text">{visible(str(line["sample"]))}</div>'

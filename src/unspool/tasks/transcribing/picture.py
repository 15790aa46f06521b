"""A picture of an alignment: the recording, the probability of every symbol over time, and where each is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from unspool.figure import new_figure
from unspool.tasks.transcribing.inputs import Given
from unspool.tasks.transcribing.samples import Samples
from unspool.tasks.transcribing.search import Transcript, read_samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unspool.tasks.transcribing.transcriber import Transcriber

SHOWN = 6  # recordings that one picture has room for
ROWS = 24  # symbols that a strip has room for
SEEN = 0.02  # probability from which on a symbol that is not in the text has a row


def draw_alignments(task: Transcriber, given: Given, samples: Samples, found: Sequence[Transcript]) -> Figure:
    """Draw the first recordings, under each the symbols' probabilities [V, F] and a line where each is said.

    Time is in seconds of a sound, in steps otherwise, as in the answers.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    count = min(SHOWN, len(found))
    figure = new_figure(12, 3.0 * count + 0.4)
    axes = figure.subplots(2 * count, 1, squeeze=False, height_ratios=[1.0, 1.2] * count)[:, 0]
    few = samples.select(torch.arange(count).numpy())
    logs = {
        int(place): part.log_probs(row).exp()
        for part in read_samples(task.model, few, task.gather)
        for row, place in enumerate(part.places)
    }
    step = task.source.seconds_per_step or 1.0
    for number in range(count):
        above, below = axes[2 * number : 2 * number + 2]
        features = few.sample(number)
        task.source.picture(above, given.items[number], features)
        above.set_xlim(0, len(features))
        above.tick_params(labelbottom=False, labelsize=7)
        title = f"{given.names[number]}: {found[number].text!r}, confidence {found[number].confidence:.2g}"
        said = samples.texts[number]
        above.set_title(
            title if said in (None, found[number].text) else f"{title}, said: {said!r}", fontsize=8, loc="left"
        )
        _draw_strip(below, task, logs[number], found[number], task.steps_per_frame * step)
        below.set_xlim(0, len(features) * step)
        below.tick_params(labelsize=7)
    axes[-1].set_xlabel("seconds" if task.source.seconds_per_step else task.source.noun, fontsize=8)
    return figure


def _draw_strip(axes: Any, task: Transcriber, probabilities: torch.Tensor, found: Transcript, frame: float) -> None:
    """One row a symbol that plays a part, those that are said first, the blank the last; a column a frame wide.

    Where more are said than there is room for, the others have neither row nor line.
    """
    peak = probabilities.amax(0)
    rows = [k for k in range(task.head.blank) if k in found.ids or float(peak[k]) > SEEN]
    rows = sorted(rows, key=lambda k: (k not in found.ids, -float(peak[k])))[:ROWS]
    rows.sort(key=lambda k: float(probabilities[:, k].argmax()))
    shown = [*rows, task.head.blank]
    axes.imshow(
        probabilities[:, shown].T.numpy(),
        aspect="auto",
        interpolation="nearest",
        cmap="Blues",
        vmin=0,
        vmax=1,
        extent=(0, len(probabilities) * frame, len(shown) - 0.5, -0.5),
    )
    names = [task.targets.symbols[k] if task.targets.symbols[k] != " " else "␣" for k in rows] + ["–"]
    axes.set_yticks(range(len(shown)), names, fontsize=7)
    for symbol, first, last in zip(found.ids, found.alignment.first, found.alignment.last, strict=True):
        if symbol in rows:
            axes.plot([first * frame, (last + 1) * frame], [rows.index(symbol)] * 2, color="C3", linewidth=1.5)

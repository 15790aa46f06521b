"""`unspool export RUN FILE`: a trained model as one file for others."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unspool.cli.streams import print_json, remark


def export(
    run: str,
    file: str,
    /,
    *,
    weights: Literal["f32", "bf16", "int8"] | None = None,
    card: str | None = None,
    force: bool = False,
    json: bool = False,
) -> None:
    """Write a trained model into one small file for others, with a card that says what it is.

    Parameters
    ----------
    run
        Run folder, model file, or the name of a model that comes with unspool.
    file
        Where to; the name ends in .safetensors.
    weights
        How to store matrices: in full (f32), half (bf16) or a quarter (int8) of the bytes; as in RUN otherwise.
    card
        Markdown file with what people should know of the model; `unspool info` shows it.
    force
        Overwrite the file that is there.
    json
        Print one JSON object.
    """
    from unspool.tasks.export import export as write
    from unspool.tasks.export import read_card

    written = write(run, file, weights=weights, card=None if card is None else read_card(Path(card)), force=force)
    if json:
        print_json(written._asdict())
        return
    remark(f"{written.weights:,} weights as {written.stored_as} in {written.bytes / 1e6:.2f} MB: {written.file}")

"""A trained model as one file for others: fewer bytes, a card, nothing that only a training needs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from unspool.errors import CheckpointError, DataError, SpecError
from unspool.spec import replace, to_dict
from unspool.tasks.holdout import fraction_of
from unspool.tasks.load import task_of
from unspool.tasks.shipped import ENDING, model_file
from unspool.training import checkpoint
from unspool.training.compact import Weights, compacted
from unspool.training.options import TrainingOptions

NOISE = "adaptive_weight_noise"  # an option that keeps as many numbers again as there are weights


class Exported(NamedTuple):
    """What was written."""

    file: Path
    bytes: int
    weights: int  # how many
    stored_as: Weights


def export(
    run: str | Path, file: str | Path, *, weights: Weights | None = None, card: str | None = None, force: bool = False
) -> Exported:
    """Write a run's model to a file that samples, predicts and can be gone on from, as the run's own does.

    Args:
        run: a run folder, a model file, or the name of a model of the package.
        file: where to; its name ends in .safetensors.
        weights: how matrices are stored: "f32" as they are computed with, "bf16" in half and "int8" in a quarter of the
            bytes; None as the model's own file stores them.
        card: what people should know of the model, as Markdown; None keeps the card that it has.
        force: overwrite a file that is there.

    Raises:
        CheckpointError: there is no such model, a file is there already, or it cannot be written.
        SpecError: the name ends otherwise, or `weights` is none of these.
    """
    target = Path(file)
    if target.suffix != ENDING:
        raise SpecError(f"a model is exported to a file that ends in {ENDING}, got {file}; rename it")
    source = model_file(run)
    if target.exists() and target.samefile(source):
        raise CheckpointError(f"{file} is the model that is to be exported; choose another name")
    if target.exists() and not force:
        raise CheckpointError(f"{file} exists; choose another name, or overwrite it with --force")
    tensors, document = checkpoint.read(source, "model")
    form: Weights = weights or document.get("weights", "f32")
    task = task_of(document, source)
    task.options = _for_others(task.options)
    with torch.device("meta"):
        kept = checkpoint.parameters(task.build())
    stored = {name: tensor for name, tensor in tensors.items() if name in kept}
    document |= {"options": to_dict(task.options), "weights": form} | ({} if card is None else {"card": card})
    checkpoint.write(target, "model", compacted(stored, form), document)
    return Exported(target, target.stat().st_size, sum(tensor.numel() for tensor in stored.values()), form)


def read_card(path: Path) -> str:
    """Return the text of a card.

    Raises:
        DataError: there is none, or it is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"a card must be a text file in UTF-8, but {path} cannot be read ({error}); name another"
        ) from error


def _for_others(options: TrainingOptions) -> TrainingOptions:
    """The options without the noise of all weights, which only training draws from, and without names of folders."""
    if fraction_of(options.validation) is None:
        options = replace(options, validation=Path(options.validation).name)
    return replace(options, **{NOISE: False}) if hasattr(options, NOISE) else options

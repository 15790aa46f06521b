"""Options that mean something beside a certain value of another one only."""

from __future__ import annotations

from dataclasses import fields

from unspool.errors import SpecError
from unspool.training.options import TrainingOptions

# option -> the one that it belongs to, and the values of that
BELONGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "vocabulary_size": ("unit", ("word", "bpe")),
    "min_count": ("unit", ("word",)),
    "momentum": ("optimizer", ("sgd",)),
    "decay": ("schedule", ("step",)),
    "hold": ("schedule", ("step",)),
    "peephole": ("cell", ("lstm",)),
    "jitter": ("resample", ("length",)),
}

# options of the tasks that read whole sequences, by the kind of data that they mean something for
KINDS: dict[str, tuple[str, ...]] = {
    "text": ("unknown", "embedding_size", "ngrams", "embedding_dropout"),
    "numeric": ("flatten",),
}


def check_kind(options: TrainingOptions, kind: str) -> None:
    """Refuse an option that means nothing for sequences of this kind, "text" or "numeric".

    Raises:
        SpecError: names the option, and the kind that it is for.
    """
    defaults = {field.name: field.default for field in fields(options)}
    for other, names in KINDS.items():
        given = [name for name in names if getattr(options, name) != defaults[name]]
        if other != kind and given:
            wanted, came = ("texts", "series of numbers")[:: 1 if other == "text" else -1]
            raise SpecError(f"--{given[0].replace('_', '-')} is for {wanted}, got {came}; leave it out")
    if kind == "text" and (encoder := getattr(options, "encoder", None)) in ("conv", "both"):
        raise SpecError(f"--encoder {encoder} reads series of numbers, got texts; leave it out")


def check_dependent(options: TrainingOptions) -> None:
    """Refuse an option that would do nothing; one that has its default cannot be told from one that was left out.

    Raises:
        SpecError: names the option, and what it belongs to.
    """
    defaults = {field.name: field.default for field in fields(options)}
    for name, (other, values) in BELONGS.items():
        given = name in defaults and getattr(options, name) != defaults[name]
        came = getattr(options, other) if given else None  # None: chosen later
        if came is not None and came not in values:
            flag = ("no-" if getattr(options, name) is False else "") + name.replace("_", "-")
            wanted = " or ".join(f"--{other} {value}" for value in values)
            raise SpecError(f"--{flag} belongs to {wanted}, got --{other} {came}; add it, or leave this out")

"""What a training takes from the model that `--from` names: its options, and its weights into a larger network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from torch import Tensor

from unspool.errors import SpecError
from unspool.nets.widening import Size, widened
from unspool.spec import from_dict, to_dict
from unspool.tasks.holdout import fraction_of
from unspool.training.options import NETWORK_OPTIONS, READING_OPTIONS, TrainingOptions
from unspool.training.protocol import Task

SIZES = ("hidden_size", "layers")
# with these, new units or layers would change what the old ones compute
BARS = {"layer_norm": True, "residual": True}


def inherited(options: TrainingOptions, base: Task, kind: type[Task]) -> TrainingOptions:
    """Take what shapes the network from the base, and how it reads data unless any of that is given.

    A larger `hidden_size` or more `layers` stay, where the kind of network can grow.

    Raises:
        SpecError: an option asks for a network of another shape.
    """
    if not isinstance(base, kind):
        raise SpecError(f"--from must name a {kind.name} model, got a {base.name} model; train it with its own task")
    values, theirs = to_dict(options), to_dict(base.options)
    defaults = {field.name: field.default for field in fields(options)}
    for name in NETWORK_OPTIONS & set(values):
        if values[name] in (defaults[name], theirs[name]):
            values[name] = theirs[name]
        elif name not in SIZES or not kind.grows or not theirs[name]:
            has = (name in SIZES and theirs.get("hidden_sizes")) or theirs[name]
            flag = name.replace("_", "-")
            raise SpecError(f"--{flag} is fixed by --from: the model has {has!r}, got {values[name]!r}; leave it out")
    _check_growth(values, theirs)
    reading = READING_OPTIONS & set(values)
    if all(values[name] == defaults[name] for name in reading):
        values |= {name: theirs[name] for name in reading}
    return from_dict(type(options), values)


def _check_growth(values: Mapping[str, object], theirs: Mapping[str, object]) -> None:
    """Refuse a size that is smaller, and any other one for a network that would not begin as what it was."""
    for name in (name for name in SIZES if values[name] != theirs[name]):
        flag, sizes = name.replace("_", "-"), f"the model has {theirs[name]}, got {values[name]}"
        if values[name] < theirs[name]:  # type: ignore[operator]
            raise SpecError(f"--{flag} must be at least what it is in the model of --from: {sizes}; leave it out")
        for bar, value in (BARS | ({"skip": False} if name == "layers" else {})).items():
            if theirs.get(bar, not value) is value:
                other = f"--{'' if value else 'no-'}{bar.replace('_', '-')}"
                raise SpecError(f"--{flag} is fixed by --from in a network with {other}: {sizes}; leave it out")


def enlarged(task: Task, base: Task, tensors: Mapping[str, Tensor]) -> tuple[Mapping[str, Tensor], str]:
    """Return the tensors of the base's network in the shapes of the task's, and what a person should know of that."""
    old, new = size_of(base.options), size_of(task.options)
    if old == new:
        return tensors, ""
    told = f"the network grows from {old.layers}x{old.units} to {new.layers}x{new.units} and begins as what it was"
    return widened(task.model, tensors, old, new), told


def size_of(options: TrainingOptions) -> Size:
    """Return units a layer and layers, 0 where every layer has its own."""
    return Size(options.hidden_size or 0, options.layers or 0)


def overlap(base: Task, task: Task, origin: str) -> str:
    """Return what a validation is worth that was drawn from other data than the base's own was drawn from."""
    if base.fingerprint == task.fingerprint or fraction_of(task.options.validation) is None:
        return ""
    return f"what is held out is new to the network only if it was not among the data that {origin} was trained on"

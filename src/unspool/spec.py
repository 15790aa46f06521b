"""Options are declared once, as a frozen dataclass; this turns them into a dict, back, and checks them.

The command line reads its flags from the same dataclass, so that a file, a flag and a keyword mean the same thing.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar, get_args, get_origin

from unspool.errors import SpecError


class Dataclass(Protocol):
    """Any dataclass instance."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


Options = TypeVar("Options", bound=Dataclass)


@dataclasses.dataclass(frozen=True)
class Between:
    """Bounds of a numeric option, both inclusive unless `open_low`."""

    low: float
    high: float = math.inf
    open_low: bool = False

    def admits(self, value: float) -> bool:
        """Say whether `value` lies inside."""
        return (self.low < value if self.open_low else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.open_low else f"at least {self.low:g}"
        return low if self.high == math.inf else f"{low} and at most {self.high:g}"


def to_dict(options: Dataclass) -> dict[str, Any]:
    """Return the options as plain values that JSON can hold."""
    return dataclasses.asdict(options)


def from_dict(kind: type[Options], values: Mapping[str, Any]) -> Options:
    """Return `kind(**values)` after checking names, types and bounds.

    Raises:
        SpecError: an unknown name (the nearest known one is named), a wrong type, or a value out of bounds.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for name in values:
        if name not in known:
            raise SpecError(unknown_name("option", name, known))
    options = kind(**values)
    check(options)
    return options


def replace(options: Options, **changes: Any) -> Options:
    """Return a copy with some options changed, checked like `from_dict`."""
    return from_dict(type(options), {**to_dict(options), **changes})


def check(options: Dataclass) -> None:
    """Check every value against its annotation.

    Raises:
        SpecError: names the option, the rule, what came, and the default if there is one.
    """
    hints = hints_of(type(options))
    for field in dataclasses.fields(options):
        _check_value(field.name.replace("_", "-"), hints[field.name], getattr(options, field.name), field.default)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    return f"there is no {kind} {name!r}; {hint}"


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields, each looked up in the module that declares it."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _check_value(name: str, hint: Any, value: Any, default: Any) -> None:
    bounds: list[Between] = []
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        bounds = [extra for extra in extras if isinstance(extra, Between)]
    if not _is_a(hint, value):
        raise SpecError(f"--{name} must be {_describe(hint)}, got {value!r}{_without(default)}")
    for bound in bounds:
        if isinstance(value, (int, float)) and not bound.admits(value):
            raise SpecError(f"--{name} must be {bound}, got {value!r}{_without(default)}")


def _without(default: Any) -> str:
    """What to do where nothing else is known: no option is needed but those without a default."""
    if default is dataclasses.MISSING:
        return ""
    return "; or leave it out" if default is None or default == "" else f"; leave it out for {default!r}"


def _is_a(hint: Any, value: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_is_a(arm, value) for arm in get_args(hint))
    if hint is types.NoneType or hint is None:
        return value is None
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _describe(hint: Any) -> str:
    origin = get_origin(hint)
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(hint))
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_describe(arm) for arm in get_args(hint) if arm is not types.NoneType)
    return {int: "a whole number", float: "a finite number", str: "text", bool: "true or false"}.get(hint, str(hint))

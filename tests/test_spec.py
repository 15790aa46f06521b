"""Options: what is refused, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from unspool.errors import SpecError
from unspool.spec import Between, check


@dataclass(frozen=True)
class Made:
    """Options of all kinds."""

    bias: Annotated[float, Between(0, 100)] = 0.0
    line_length: Annotated[int | None, Between(1)] = None
    rate: Annotated[float | None, Between(0, open_low=True)] = None
    kind: Literal["a", "b"] = "a"
    name: str = ""


@dataclass(frozen=True)
class Needed:
    """An option without a default."""

    size: Annotated[int, Between(1)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (Made(bias=-1.0), "--bias must be at least 0 and at most 100, got -1.0; leave it out for 0.0"),
        (Made(bias=float("nan")), "--bias must be a finite number, got nan; leave it out for 0.0"),
        (Made(rate=0.0), "--rate must be above 0, got 0.0; or leave it out"),
        (Made(kind="c"), "--kind must be one of 'a', 'b', got 'c'; leave it out for 'a'"),  # type: ignore[arg-type]
        (Made(name=3), "--name must be text, got 3; or leave it out"),  # type: ignore[arg-type]
        (Needed(0), "--size must be at least 1, got 0"),
    ],
)
def test_a_sentence_says_what_to_do(options: Made | Needed, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        check(options)
    assert str(caught.value) == sentence
    check(Made())

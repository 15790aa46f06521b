from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.pen.alphabet import written
from unspool.errors import DataError, SpecError
from unspool.tasks.transcribing.targets import UNITS, Targets

TEXTS = st.lists(st.text(max_size=12), min_size=1, max_size=5).filter(lambda texts: any(map(written, texts)))


@pytest.mark.parametrize("unit", UNITS)
@given(texts=TEXTS)
def test_a_text_comes_back_as_it_is_written(unit: str, texts: list[str]) -> None:
    targets = Targets.from_dict(Targets.of(texts, unit).to_dict())
    for text in texts:
        assert targets.decode(targets.encode(text).tolist()) == written(text)
    assert targets.unknown(texts) == []


def test_rare_and_unknown_symbols_are_left_out() -> None:
    targets = Targets.of(["aab", "ab", "c", None], rarest=2)
    assert targets.symbols == ("a", "b")
    assert targets.decode(targets.encode("cab!").tolist()) == "ab"
    assert targets.unknown(["cab!"]) == ["!", "c"]


def test_words() -> None:
    targets = Targets.of(["one  two", "two three"], "word")
    assert targets.symbols == ("one", "three", "two")
    assert targets.decode(targets.encode("two one").tolist()) == "two one"


def test_composed_and_decomposed_letters_are_one() -> None:
    assert Targets.of(["é", unicodedata.normalize("NFD", "é")]).symbols == ("é",)


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: Targets.of([None, " "]), DataError, "none of these has"),
        (lambda: Targets([]), DataError, "got 0 symbols"),
        (lambda: Targets.of(["aab"], rarest=3), DataError, "comes 2 times; lower --rarest"),
        (lambda: Targets(["a", "a"]), DataError, "1 of them different"),
        (lambda: Targets(["a"], "byte"), SpecError, "got 'byte'"),
    ],
)
def test_what_is_refused(make: object, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        make()  # type: ignore[operator]

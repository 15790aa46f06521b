from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from unspool.data.vocabulary import ByteVocabulary, CharVocabulary
from unspool.engine.generator import Chosen
from unspool.tasks.pieces import Piece, pieces, without

PARTS = st.lists(st.text("aab€", max_size=3), max_size=12)
STOP = st.text("ab€", min_size=1, max_size=4)


def as_pieces(parts: list[str]) -> list[Piece]:
    return [Piece(text, number, 0.0) for number, text in enumerate(parts)]


@given(PARTS, STOP)
def test_without_is_a_partition(parts: list[str], stop: str) -> None:
    found = list(without(iter(as_pieces(parts)), stop))
    assert "".join(piece.text for piece in found) == "".join(parts).partition(stop)[0]
    assert [piece.id for piece in found] == list(range(len(found)))


@given(PARTS, STOP)
def test_nothing_is_held_back_for_longer_than_needed(parts: list[str], stop: str) -> None:
    """A piece comes as soon as what follows it cannot make it the beginning of the stop text."""
    read = ""

    def source() -> object:
        nonlocal read
        for piece in as_pieces(parts):
            read += piece.text
            yield piece

    shown = ""
    for piece in without(source(), stop):  # type: ignore[arg-type]
        shown += piece.text
        if read != "".join(parts) and stop not in read:
            assert read.startswith(shown)
    assert "".join(parts).startswith(shown)


@given(st.text("aé€😀", max_size=8), st.text("aé€😀", min_size=1, max_size=3))
def test_a_stop_text_leaves_no_half_character_behind(text: str, stop: str) -> None:
    """The bytes of a byte model that come before a stop text are those of whole characters."""
    decode = ByteVocabulary().decoder()
    stream = [Piece(decode(byte), byte, 0.0) for byte in text.encode()]
    found = list(without(iter(stream), stop))
    assert bytes(piece.id for piece in found) == text.partition(stop)[0].encode()


def steps(texts: list[str], vocabulary: CharVocabulary) -> list[Chosen]:
    ids = [vocabulary.encode(text).tolist() for text in texts]  # [N, T]
    return [Chosen(list(row), [0.0] * len(texts)) for row in zip(*ids, strict=True)]


def test_rows_read_at_their_own_pace() -> None:
    vocabulary = CharVocabulary("abc")
    first, second = pieces(iter(steps(["abcab", "ccccc", "bbbba"], vocabulary)), [0, 2], vocabulary)
    assert "".join(piece.text for piece in islice(first, 3)) == "abc"
    assert "".join(piece.text for piece in second) == "bbbba"
    assert "".join(piece.text for piece in first) == "ab"


def test_a_row_that_stopped_keeps_nothing() -> None:
    vocabulary = CharVocabulary("abc")
    first, second = pieces(iter(steps(["abcab", "ccccc"], vocabulary)), [0, 1], vocabulary, stop="b")
    assert [piece.text for piece in first] == ["a"]
    assert [piece.text for piece in second] == ["c"] * 5
    assert list(first) == []

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from unspool.data.marks import Marked
from unspool.data.vocabulary import ByteVocabulary, CharVocabulary
from unspool.data.words import WordVocabulary
from unspool.engine.generator import Chosen
from unspool.tasks.language.pieces import Piece, ending, pieces, without

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


def test_a_text_ends_with_its_line_or_document() -> None:
    vocabulary = Marked(CharVocabulary("ab\n"), ["document"])  # \n is 0, a 1, b 2, the mark 3
    made = [Chosen([symbol], [0.0]) for symbol in (1, 2, 0, 1, 1, 3, 2)]

    def text(until: str, stop: str = "", after: str = "") -> str:
        (stream,) = pieces(iter(made), [0], vocabulary, until=until, stop=stop, after=after)
        return "".join(piece.text for piece in stream)

    assert text("length") == "ab\naa\nb"
    assert text("document") == "ab\naa"
    assert text("line") == "ab"
    assert text("document", stop="a\n") == "ab\naa"
    assert text("line", stop="b") == "a"
    (only_mark,) = pieces(iter(made[4:]), [0], vocabulary, until="line")
    assert [piece.id for piece in only_mark] == [1]


def test_words_go_on_after_a_text() -> None:
    vocabulary = WordVocabulary(["<unk>", "the", "cat"])
    made = [Chosen([symbol], [0.0]) for symbol in (1, 2)]
    (stream,) = pieces(iter(made), [0], vocabulary, after="see")
    assert "".join(piece.text for piece in stream) == " the cat"


@given(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=12), st.sampled_from(["", "a", "ab", "a\nb"]))
def test_ending_says_where_pieces_end(ids: list[int], stop: str) -> None:
    vocabulary = Marked(CharVocabulary("ab\n"), ["document"])
    for until in ("length", "line", "document"):
        made = [Chosen([symbol], [0.0]) for symbol in ids]
        (stream,) = pieces(iter(made), [0], vocabulary, until=until, stop=stop)
        written = [piece.text for piece in stream]
        ended = ending(vocabulary, until, stop)
        ends = [n for n in range(1, len(ids) + 1) if ended(tuple(ids[:n]))]
        if ends:
            assert len(written) < ends[0]
            (again,) = pieces(iter(made[: ends[0]]), [0], vocabulary, until=until, stop=stop)
            assert [piece.text for piece in again] == written
        else:
            assert "".join(written) == vocabulary.decode(ids)


@given(st.text("aé€", max_size=8), st.text("aé€", min_size=1, max_size=3))
def test_ending_sees_characters_of_several_bytes(text: str, stop: str) -> None:
    ended, ids = ending(ByteVocabulary(), "length", stop), tuple(text.encode())
    first = next((n for n in range(1, len(ids) + 1) if ended(ids[:n])), None)
    before, found, _ = text.partition(stop)
    assert first == (len((before + stop).encode()) if found else None)


def test_a_row_that_stopped_keeps_nothing() -> None:
    vocabulary = CharVocabulary("abc")
    first, second = pieces(iter(steps(["abcab", "ccccc"], vocabulary)), [0, 1], vocabulary, stop="b")
    assert [piece.text for piece in first] == ["a"]
    assert [piece.text for piece in second] == ["c"] * 5
    assert list(first) == []

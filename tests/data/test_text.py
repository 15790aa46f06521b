from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.sources import Text
from unspool.data.text import cut_after, decoded, escaped, read_text, text_of

WHOLE = st.text(st.characters(exclude_categories=["Cs"]))


def pieces(content, cuts):
    """The content cut at the given places."""
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return [content[start:end] for start, end in pairwise(places)]


def first_fault(content):
    """Python's own opinion: the offset of the first byte that is not UTF-8, or None."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


@given(WHOLE, st.lists(st.integers(0, 999)))
def test_any_text_cut_anywhere_is_decoded_whole(text, cuts):
    assert "".join(decoded(pieces(text.encode(), cuts), "x")) == text.removeprefix("\ufeff")


@given(st.binary(max_size=40), st.lists(st.integers(0, 99)))
def test_the_offset_of_a_broken_byte_does_not_depend_on_the_cuts(content, cuts):
    fault = first_fault(content)
    if fault is None:
        assert "".join(decoded(pieces(content, cuts), "x")) == content.decode().removeprefix("\ufeff")
        return
    with pytest.raises(ValueError, match=rf"byte {fault} of x is 0x{content[fault]:02X}"):
        list(decoded(pieces(content, cuts), "x"))


def test_a_mark_is_dropped_at_the_start_only():
    assert "".join(decoded([b"\xef", b"\xbb", b"\xbfa\xef\xbb\xbfb"], "x")) == "a\ufeffb"


def test_broken_bytes(refused):
    with refused("must be UTF-8", "byte 3 of a.txt is 0xFF (invalid start byte)", "do this"):
        list(decoded([b"ab", b"c\xffd"], "a.txt", "do this"))


def test_a_character_cut_off_by_the_end(refused):
    with refused("byte 1 of a.txt is 0xED (unexpected end of data)", "convert the file to UTF-8"):
        list(decoded([b"a", "한".encode()[:2]], "a.txt"))


def test_utf_16_is_recognised(refused):
    with refused("byte 0", "looks like UTF-16"):
        list(decoded(["hello".encode("utf-16")], "a.txt"))


def test_read_text():
    assert text_of(Text("\ufeffé")) == "é"
    assert read_text([Text("a"), Text("\ufeffé")]) == "aé"


@given(st.binary(max_size=60), st.lists(st.integers(0, 99)))
def test_any_bytes_are_text_and_come_back(content, cuts):
    text = "".join(escaped(pieces(content, cuts)))
    assert text.encode("utf-8", "surrogateescape") == content


@given(st.lists(st.text(st.sampled_from("ab \n"), min_size=1)), st.none() | st.integers(1, 5))
def test_regrouped_chunks_end_where_they_should(chunks, longest):
    found = list(cut_after(chunks, " \n", longest))
    assert "".join(found) == "".join(chunks)
    assert all(found)
    if longest is None:
        assert all(text[-1] in " \n" for text in found[:-1])
    for text in found[:-1]:
        after = max(text.rfind(end) for end in " \n") + 1
        assert text[-1] in " \n" or (longest and (len(text) - after) % longest == 0)

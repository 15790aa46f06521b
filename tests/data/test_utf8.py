from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.utf8 import Utf8Mask


def follow(content):
    mask = Utf8Mask()
    for byte in content:
        mask.push(byte)
    return mask


def can_begin(content):
    """Whether Python's decoder would take these bytes as the beginning of a text."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def prefixes():
    """Beginnings of a character: none, and its first one, two, three bytes, over all of Unicode."""
    found = [b""]
    for point in [*range(0x80, 0x800, 64), *range(0x800, 0xD800, 64), *range(0xE000, 0x110000, 64)]:
        encoded = chr(point).encode()
        found += [encoded[:count] for count in range(1, len(encoded))]
    return sorted(set(found))


def test_it_allows_exactly_what_the_decoder_takes():
    for prefix in prefixes()[::7]:
        allowed = follow(prefix).allowed()
        expected = [can_begin(prefix + bytes([byte])) for byte in range(256)]
        assert allowed.tolist() == expected, prefix


def test_every_first_and_second_byte():
    for first in range(256):
        assert follow(b"").allowed()[first] == can_begin(bytes([first]))
        if can_begin(bytes([first])):
            allowed = follow(bytes([first])).allowed()
            assert allowed.tolist() == [can_begin(bytes([first, second])) for second in range(256)]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_is_allowed_and_ends_complete(text):
    mask = Utf8Mask()
    content = text.encode()
    for place, byte in enumerate(content):
        assert mask.allowed(len(content) - place)[byte]
        mask.push(byte)
    assert mask.complete


@given(st.integers(0, 40), st.randoms(use_true_random=False))
def test_whatever_is_chosen_the_text_is_valid_when_the_bytes_run_out(count, random):
    mask = Utf8Mask()
    content = bytearray()
    for place in range(count):
        choices = np.flatnonzero(mask.allowed(count - place))
        assert len(choices)
        # rare first bytes, so that long characters come often
        content.append(int(random.choice([choices[-1], random.choice(choices)])))
        mask.push(content[-1])
    assert mask.complete
    assert len(content.decode()) <= count


@pytest.mark.parametrize(("remaining", "beginnings"), [(0, 0), (1, 128), (2, 158), (3, 174), (4, 179), (None, 179)])
def test_a_character_begins_only_if_it_can_be_finished(remaining, beginnings):
    assert Utf8Mask().allowed(remaining).sum() == beginnings


def test_nothing_is_allowed_where_a_character_cannot_be_finished():
    assert not follow("😀".encode()[:1]).allowed(2).any()
    assert follow("😀".encode()[:1]).allowed(3).any()


def test_a_byte_that_cannot_come(refused):
    with refused("UTF-8 needs the first byte of a character", "0x80 came", "only bytes that are allowed"):
        follow(b"a\x80")
    with refused("UTF-8 needs 0xA0..0xBF here", "0x80 came"):
        follow(b"\xe0\x80")
    with refused("0x100 came"):
        Utf8Mask().push(256)

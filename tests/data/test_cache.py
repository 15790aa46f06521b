from __future__ import annotations

import gzip
import os
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.tasks.made import story
from unspool.data import cache
from unspool.data.cache import folder
from unspool.data.corpus import Learning, read_corpus
from unspool.data.documents import Layout
from unspool.data.sources import Text
from unspool.data.vocabulary import CharVocabulary

WIDE = "".join(map(chr, range(0x4E00, 0x4F80)))
CASES = [
    ("char", Layout()),
    ("byte", Layout()),
    ("word", Layout()),
    ("bpe", Layout()),
    ("char", Layout("line")),
    ("byte", Layout("line")),
    ("word", Layout("file")),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("UNSPOOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "FROM_BYTES", 1)
    return tmp_path / "cache"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(story(300) + WIDE + "\n" + story(300), encoding="utf-8")
    return path


def entries(place):
    return sorted(file.name for file in place.iterdir())


def same(one, other):
    assert one.ids.dtype == other.ids.dtype
    assert one.ids.tolist() == other.ids.tolist()
    assert one.vocabulary == other.vocabulary
    for name in ("fingerprint", "files", "characters", "bytes", "documents"):
        assert getattr(one, name) == getattr(other, name)


def touch(path, content):
    before = path.stat().st_mtime_ns
    path.write_text(content, encoding="utf-8")
    os.utime(path, ns=(before + 1000, before + 1000))


@pytest.mark.parametrize(("unit", "layout"), CASES, ids=str)
@pytest.mark.parametrize("chunk", [7, 1 << 16])
def test_the_cache_changes_nothing(place, text, unit, layout, chunk, monkeypatch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNSPOOL_CACHE", "off")
        expected = read_corpus([text], unit, layout=layout)
        assert not place.exists()
    monkeypatch.setattr(cache, "CHUNK", chunk)  # so that ids are widened and ranked in many steps
    made = read_corpus([text], unit, layout=layout)
    assert len(entries(place)) == 1
    again = read_corpus([text], unit, layout=layout)
    known = read_corpus([text], unit, made.vocabulary, layout=layout)
    for corpus in (made, again, known):
        same(corpus, expected)
        assert isinstance(corpus.ids.base, np.memmap)
    assert known.vocabulary is made.vocabulary
    assert len(entries(place)) == 1


def unread(*_):
    raise AssertionError("the text was read again")


def test_what_is_there_is_not_read_again(place, text, monkeypatch):
    made = read_corpus([text], "word")
    monkeypatch.setattr("unspool.data.documents.blocks", unread)
    same(read_corpus([text], "word"), made)
    same(read_corpus([text], "word", made.vocabulary), made)
    same(read_corpus([text], "word", made.vocabulary, learning=Learning(grow=True)), made)
    with pytest.raises(AssertionError):
        read_corpus([text], "word", learning=Learning(3))
    with pytest.raises(AssertionError):
        read_corpus([text], "char")
    with pytest.raises(AssertionError):
        read_corpus([text], "word", layout=Layout("line"))
    with pytest.raises(AssertionError):
        read_corpus([text], "word", made.vocabulary, learning=Learning(3, grow=True))


def test_another_vocabulary_is_another_entry(place, text):
    read_corpus([text])
    wide = CharVocabulary("\0" + text.read_text(encoding="utf-8"))
    found = read_corpus([text], vocabulary=wide)
    assert found.vocabulary is wide and found.ids.min() == 1
    assert len(entries(place)) == 2
    same(read_corpus([text], vocabulary=wide), found)


def test_a_source_that_changed_is_read_again_and_its_old_entry_goes(place, text):
    before = read_corpus([text])
    old = entries(place)
    touch(text, text.read_text(encoding="utf-8").swapcase())
    after = read_corpus([text])
    assert after.fingerprint != before.fingerprint
    assert after.vocabulary.decode(after.ids) == text.read_text(encoding="utf-8")
    assert before.ids.max() < len(before.vocabulary)  # still mapped
    assert len(entries(place)) == 1 and entries(place) != old


def test_an_entry_of_other_files_stays(place, text, tmp_path):
    other = tmp_path / "y.txt"
    other.write_text(story(100), encoding="utf-8")
    read_corpus([text])
    read_corpus([other])
    read_corpus([other, text])
    touch(other, story(90))
    read_corpus([other])
    assert len(entries(place)) == 3


def test_an_entry_of_files_that_are_gone_goes(place, text, tmp_path):
    other = tmp_path / "y.txt"
    other.write_text(story(100), encoding="utf-8")
    read_corpus([other])
    (gone,) = entries(place)
    other.unlink()
    read_corpus([text])
    assert len(entries(place)) == 1 and entries(place) != [gone]


@pytest.mark.parametrize("damage", ["cut", "grown", "flipped", "header", "empty", "foreign"])
def test_a_damaged_entry_is_made_anew(place, text, damage):
    expected = read_corpus([text])
    expected = expected.__class__(**{**expected.__dict__, "ids": expected.ids.copy()})
    (path,) = place.iterdir()
    whole = path.read_bytes()
    path.unlink()  # what is mapped stays as it is
    changed = {
        "cut": whole[: len(whole) // 2],
        "grown": whole + b"\0",
        "flipped": bytes([whole[0] ^ 1]) + whole[1:],
        "header": whole.replace(b'"sources"', b'"sourceX"'),
        "empty": b"",
        "foreign": b"\0" * 100,
    }[damage]
    path.write_bytes(changed)
    same(read_corpus([text]), expected)
    assert path.read_bytes() == whole


def test_an_interrupted_writing_leaves_nothing(place, text, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache.IdFile, "close", fail)
    with pytest.raises(KeyboardInterrupt):
        read_corpus([text])
    assert entries(place) == []


def test_what_a_killed_process_left_goes_after_a_day(place, text):
    place.mkdir()
    for name, age in ((".old.tmp", 90_000), (".new.tmp", 10)):
        (place / name).write_bytes(b"x")
        then = time.time() - age
        os.utime(place / name, (then, then))
    read_corpus([text])
    assert [name for name in entries(place) if name.endswith(".tmp")] == [".new.tmp"]


def test_a_bad_text_leaves_nothing(place, tmp_path, refused):
    path = tmp_path / "broken.txt"
    path.write_bytes(b"abc\xff")
    with refused("must be UTF-8", "byte 3"):
        read_corpus([path])
    path.write_bytes(b"\xef\xbb\xbf")
    with refused("must not be empty"):
        read_corpus([path])
    assert entries(place) == []


def test_small_texts_and_those_in_memory_stay_in_memory(place, text, monkeypatch):
    read_corpus([Text("abc")])
    read_corpus([text, Text("abc")])
    read_corpus([("a", "x"), ("b", "y")], layout=Layout(condition="label"))
    monkeypatch.setattr(cache, "FROM_BYTES", text.stat().st_size + 1)
    read_corpus([text])
    assert not place.exists()


def test_a_packed_text_is_taken_for_eight_times_its_size(place, text, tmp_path, monkeypatch):
    packed = tmp_path / "x.txt.gz"
    packed.write_bytes(gzip.compress(text.read_bytes()))
    size = packed.stat().st_size
    monkeypatch.setattr(cache, "FROM_BYTES", 8 * size + 1)
    small = read_corpus([packed])
    assert not place.exists()
    monkeypatch.setattr(cache, "FROM_BYTES", 8 * size)
    large = read_corpus([packed])
    assert len(entries(place)) == 1 and isinstance(large.ids.base, np.memmap)
    same(large, small)


def test_a_folder_that_cannot_be_written(text, tmp_path, refused, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cache, "FROM_BYTES", 1)
    monkeypatch.setenv("UNSPOOL_CACHE", str(tmp_path / "file" / "below"))
    with refused("needs a file for its ids", "below cannot hold it", "UNSPOOL_CACHE", "'off'"):
        read_corpus([text])


def test_where_it_lies(monkeypatch):
    monkeypatch.setenv("UNSPOOL_CACHE", "/a")
    assert folder() == Path("/a")
    monkeypatch.setenv("UNSPOOL_CACHE", "off")
    assert folder() is None
    monkeypatch.delenv("UNSPOOL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert folder() == Path("/b/unspool")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/c")
    assert folder() == Path("/c/.cache/unspool")


@pytest.mark.parametrize(("unit", "layout"), [("char", Layout()), ("char", Layout("line"))], ids=str)
def test_memory_does_not_grow_with_the_text(place, tmp_path, unit, layout):
    path = tmp_path / "long.txt"
    path.write_bytes(b"for (i = 0; i < n; i++) { sum += x[i] * y[i]; }\n" * 100_000 + WIDE.encode())
    tracemalloc.start()
    try:
        corpus = read_corpus([path], unit, layout=layout)
        characters = corpus.vocabulary.count_characters(corpus.ids)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert corpus.ids.nbytes > 9_000_000 and characters > 4_000_000
    assert peak < 8_000_000 + 5_000_000  # the table of code points, a block and what becomes of it

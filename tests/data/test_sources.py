from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path

import pytest

from unspool.data.sources import BLOCK, StandardInput, Text, blocks, ending, expand, name_of
from unspool.errors import MissingExtra


def read(source):
    return b"".join(blocks(source))


def pipe(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_folder_is_its_visible_files_that_hold_something_sorted(tmp_path):
    for name in ("b.txt", "a/z.txt", "a.txt", ".hidden", ".git/config", "a/.secret", "c/deep/er/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "empty.txt").touch()
    found = [source.relative_to(tmp_path).as_posix() for source in expand([str(tmp_path)])]
    assert found == ["a/z.txt", "a.txt", "b.txt", "c/deep/er/x"]


def test_the_order_given_is_kept_and_a_file_may_come_twice(tmp_path):
    paths = [tmp_path / "b", tmp_path / "a"]
    for path in paths:
        path.write_text("x")
    assert expand([paths[0], str(paths[1]), paths[0]]) == [paths[0], paths[1], paths[0]]


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
def test_blocks_are_at_most_a_mebibyte_and_lose_nothing(tmp_path, size):
    content = bytes(range(256)) * (size // 256 + 1)
    path = tmp_path / "x"
    path.write_bytes(content[:size])
    pieces = list(blocks(path))
    assert b"".join(pieces) == content[:size]
    assert max(map(len, pieces)) <= BLOCK


def test_gzip_is_decompressed_also_where_it_has_several_members(tmp_path):
    path = tmp_path / "x.txt.gz"
    path.write_bytes(gzip.compress(b"first ") + gzip.compress(b"second"))
    assert read(path) == b"first second"


@pytest.mark.parametrize("content", [b"", b"x", b"line\n" * BLOCK])
def test_zstandard_is_decompressed_also_where_it_has_several_frames(tmp_path, content):
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "x.txt.zst"
    path.write_bytes(zstandard.compress(b"first ") + zstandard.compress(content))
    assert read(path) == b"first " + content
    assert max(map(len, blocks(path))) <= BLOCK


def test_broken_zstandard(tmp_path, refused, monkeypatch):
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "x.zst"
    for broken in (b"plain text", cut(zstandard.compress(os.urandom(4000))), b""):
        path.write_bytes(broken)
        with refused("whole zstandard data", "x.zst is damaged or cut short", "copy it again"):
            list(blocks(path))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with refused("needs the library zstandard", "pip install 'unspool[text]'", error=MissingExtra):
        list(blocks(path))


def test_standard_input_is_read_and_left_open(monkeypatch):
    pipe(monkeypatch, b"piped")
    (source,) = expand(["-"])
    assert source == StandardInput()
    assert read(source) == b"piped"
    assert not sys.stdin.closed


def test_a_file_that_is_called_minus_is_reached_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("-").write_text("a file")
    (source,) = expand(["./-"])
    assert read(source) == b"a file"


@pytest.mark.parametrize("text", ["", "x", "한" * BLOCK, "😀" * (BLOCK // 4 + 1), b"\xff" * BLOCK])
def test_a_literal_is_its_text_in_blocks(text):
    pieces = list(blocks(Text(text)))
    assert b"".join(pieces) == (text if isinstance(text, bytes) else text.encode())
    assert all(len(piece) <= BLOCK for piece in pieces)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_taken_for_an_empty_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert expand([tmp_path / "pipe"]) == [tmp_path / "pipe"]


def test_nothing_named(refused):
    with refused("at least one file", "none came", "name the data"):
        expand([])


def test_missing_file(refused):
    with refused("a file or a folder that exists", "there is no nowhere.txt", "check the path"):
        expand(["nowhere.txt"])


def test_empty_file(tmp_path, refused):
    (tmp_path / "void.txt").touch()
    with refused("must not be empty", "void.txt has 0 bytes", "name a file"):
        expand([tmp_path / "void.txt"])


def test_folder_with_nothing_to_read(tmp_path, refused):
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "void").touch()
    with refused("at least one file", "holds none", "name another folder"):
        expand([tmp_path])


def test_standard_input_twice(refused):
    with refused("read once", "'-' came twice", "name it once"):
        expand(["-", "-"])


def test_file_without_permission(tmp_path, refused, monkeypatch):
    path = tmp_path / "locked"
    path.write_text("x")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with refused("must be readable", "locked is not", "permissions"):
        expand([path])


def test_a_read_that_fails_midway(tmp_path, refused):
    with refused("must be readable", "gone is not", "check the path"):
        list(blocks(tmp_path / "gone"))


def cut(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    "broken",
    [b"plain text", cut(gzip.compress(os.urandom(4000))), gzip.compress(b"x" * 4000)[:-8] + b"\0" * 8],
    ids=["not gzip", "cut short", "wrong checksum"],
)
def test_broken_gzip(tmp_path, refused, broken):
    path = tmp_path / "x.gz"
    path.write_bytes(broken)
    with refused("whole gzip data", "x.gz is damaged or cut short", "copy it again"):
        list(blocks(path))


def test_half_a_surrogate_pair_in_a_literal(refused):
    with refused("whole Unicode characters", "my text", "U+D83D", "at character 1", "remove"):
        list(blocks(Text("a\ud83d", "my text")))


def test_the_ending_is_that_under_the_packing():
    names = ["a.csv", "a.csv.gz", "a.b.tsv.zst", "a.zst", "a"]
    assert [ending(Path(name)) for name in names] == [".csv", ".csv", ".tsv", "", ""]


def test_names():
    names = [name_of(source) for source in (Path("a.txt"), Text("x", "mine"), StandardInput())]
    assert names == ["a.txt", "mine", "standard input"]


def test_a_folder_that_cannot_be_listed(tmp_path, refused, monkeypatch):
    def walk(folder, onerror):
        onerror(PermissionError(13, "Permission denied", str(folder / "inner")))
        yield from ()

    monkeypatch.setattr(os, "walk", walk)
    with refused("must be readable", "inner is not (Permission denied)", "permissions"):
        expand([tmp_path])

"""`-` is standard input: learned, kept in the run, resumed, read, and scored."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tasks.made import LANGUAGE, flags, model_bytes, story, write_rows
from unspool.cli.main import run

SMALL = [*flags(LANGUAGE), "--quiet", "--no-baseline", "--steps", "4"]
Pipe = Callable[[bytes], None]


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipe:
    monkeypatch.chdir(tmp_path)
    return lambda content: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_it_is_kept_and_resumed(pipe: Pipe) -> None:
    text = story().encode()
    pipe(text)
    assert run(["train", "language", "-", *SMALL, "--out", "piped"]) == 0
    assert Path("piped/input.txt").read_bytes() == text
    assert not list(Path("piped").glob(".*"))
    Path("story.txt").write_bytes(text)
    assert run(["train", "language", "story.txt", *SMALL, "--out", "read"]) == 0
    assert Path("piped/model.safetensors").read_bytes() == Path("read/model.safetensors").read_bytes()
    pipe(b"")
    for name in ("piped", "read"):
        assert run(["resume", name, "--steps", "7", "--quiet"]) == 0
    assert Path("piped/model.safetensors").read_bytes() == Path("read/model.safetensors").read_bytes()
    assert run(["evaluate", "piped"]) == 0
    Path("piped/input.txt").write_bytes(text[:-1])
    assert run(["resume", "piped", "--steps", "9"]) == 1


def test_beside_a_file(pipe: Pipe) -> None:
    Path("story.txt").write_text(story(300), encoding="utf-8")
    pipe(story(300, seed=1).encode())
    assert run(["train", "language", "story.txt", "-", *SMALL, "--out", "run"]) == 0
    assert run(["resume", "run", "--steps", "6", "--quiet"]) == 0


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 5000])
def test_what_cannot_be_learned_leaves_nothing(pipe: Pipe, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    pipe(content)
    assert run(["train", "language", "-", *SMALL, "--out", "run"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("run").exists()


def test_a_failed_overwriting_leaves_the_kept_text(pipe: Pipe) -> None:
    pipe(story().encode())
    assert run(["train", "language", "-", *SMALL, "--out", "run"]) == 0
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    pipe(b"short")
    assert run(["train", "language", "-", *SMALL, "--out", "run", "--force"]) == 1
    assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == before
    pipe(story(seed=2).encode())
    assert run(["train", "language", "-", *SMALL, "--out", "run", "--force"]) == 0
    assert Path("run/input.txt").read_text(encoding="utf-8") == story(seed=2)


def test_labelled_rows(pipe: Pipe) -> None:
    pipe(write_rows(Path("rows.csv")).read_bytes())
    command = ["train", "classifier", "-", "--hidden-size", "8", "--steps", "3", "--quiet", "--no-baseline"]
    assert run([*command, "--out", "run"]) == 0
    pipe(Path("rows.csv").read_bytes())
    assert run(["predict", "run", "-"]) == 0


def test_score_and_evaluate(pipe: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m").write_bytes(model_bytes("language"))
    Path("story.txt").write_text(story(100), encoding="utf-8")
    for verb in ("score", "evaluate"):
        outputs = []
        for name in ("story.txt", "-"):
            pipe(Path("story.txt").read_bytes())
            assert run([verb, "m", name, "--json"]) == 0
            found = json.loads(capsys.readouterr().out)
            outputs.append({key: value for key, value in found.items() if key != "tokens_per_second"})
        assert outputs[0] == outputs[1]

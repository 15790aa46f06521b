"""The tagger from the command line: train, go on, evaluate, predict."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from unspool.cli.main import run

SMALL = ["--hidden-size", "8", "--layers", "1", "--batch-size", "8", "--steps", "12", "--quiet"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def videos(count: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """A bright or a dark picture at each step, X [N, T, H, W] and y [N, T]."""
    labels = np.random.default_rng(0).integers(0, 2, (count, 6))
    return np.ones((count, 6, 4, 5), np.float32) * labels[..., None, None], labels


def test_videos_in_an_npz(capsys: pytest.CaptureFixture[str]) -> None:
    pictures, labels = videos()
    np.savez("videos.npz", X=pictures, y=labels)
    np.savez("new.npz", X=pictures[:3])
    assert run(["train", "tagger", "videos.npz", "--out", "run", "--causal", "--encoder", "conv", *SMALL]) == 0
    assert run(["resume", "run", "--steps", "14", "--quiet"]) == 0
    assert Path("run/confusion.png").is_file()
    capsys.readouterr()
    assert run(["evaluate", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sequences"] == 2
    assert run(["predict", "run", "new.npz"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(len(line.split()) == 6 for line in lines)
    Path("frames.csv").write_text("\n".join(",".join(map(str, frame.ravel())) for frame in pictures[0]) + "\n")
    assert run(["predict", "run", "frames.csv", "--stream"]) == 0
    labels_of_rows = [line.split("\t")[-2] for line in capsys.readouterr().out.splitlines()]
    assert labels_of_rows == lines[0].split()


def test_tokens_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "the\tARTICLE\ncat\tNOUN\nsat\tVERB\n\na\tARTICLE\nmat\tNOUN\n\n"
    Path("tokens.txt").write_text(sentence * 10, encoding="utf-8")
    assert run(["train", "tagger", "tokens.txt", "--out", "run", *SMALL]) == 0
    capsys.readouterr()
    assert run(["predict", "run", "--text", "the cat sat", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["predictions"]
    assert len(answer["labels"]) == 3


def test_built_in_characters() -> None:
    assert run(["train", "tagger", "--out", "run", "--no-baseline", "--validation", "0.02", *SMALL]) == 0
    assert run(["predict", "run", "--text", "import os", "--output", "strip.png"]) == 0
    assert Path("strip.png").read_bytes()[:4] == b"\x89PNG"


def test_wrong_usage_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tokens.txt").write_text("the\tARTICLE\ncat\tNOUN\n\n" * 4, encoding="utf-8")
    assert run(["train", "tagger", "tokens.txt", "--encoder", "conv", "--out", "run", *SMALL]) == 2
    assert "--encoder is for pictures" in capsys.readouterr().err
    assert not Path("run").exists()

"""`unspool sample`, `score` and `predict`: what they print is what the task says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import unspool
from tests.tasks.made import model_bytes, rows
from unspool.cli.main import run


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chars").write_bytes(model_bytes("language"))
    Path("bytes").write_bytes(model_bytes("language", unit="byte"))
    Path("classes").write_bytes(model_bytes("classifier"))


def out_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(arguments) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return out


@pytest.mark.parametrize("name", ["chars", "bytes"])
def test_one_sample(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    task = unspool.load(name)
    command = ["sample", name, "--prompt", "the ", "--length", "30", "--seed", "3", "--temperature", "0.7"]
    expected = task.sample("the ", length=30, seed=3, temperature=0.7)
    assert out_of(capsys, *command) == expected + "\n"
    assert out_of(capsys, *command, "--no-echo") == expected[4:] + "\n"
    stop = expected[12]
    assert out_of(capsys, *command, "--stop", stop) == "the " + expected[4:].partition(stop)[0] + "\n"
    assert out_of(capsys, *command, "--output", "out.txt") == ""
    assert Path("out.txt").read_text(encoding="utf-8") == expected + "\n"


def test_many_samples(capsys: pytest.CaptureFixture[str]) -> None:
    expected = unspool.load("chars").sample(count=10, length=8, seed=1)
    found = out_of(capsys, "sample", "chars", "--count", "10", "--length", "8", "--seed", "1")
    assert found == "".join(f"--- sample {number}\n{text}\n" for number, text in enumerate(expected))


@pytest.mark.parametrize("name", ["chars", "bytes"])
def test_json_has_the_log_probabilities_of_score(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sample", name, "--prompt", "the ", "--length", "20", "--count", "2", "--json"]
    found = json.loads(out_of(capsys, *command))
    for sample in found["samples"]:
        scored = json.loads(out_of(capsys, "score", name, "--text", sample["text"], "--json"))
        assert scored["nats"][0] is None
        tokens = [token["log_prob"] for token in sample["tokens"]]
        np.testing.assert_allclose([-value for value in scored["nats"][4:]], tokens, atol=1e-4)
        assert "the " + "".join(token["text"] for token in sample["tokens"]) == sample["text"]
        assert scored["total"] == pytest.approx(sum(scored["nats"][1:]))


def test_score_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = out_of(capsys, "score", "chars", "--text", "the c").splitlines()
    nats = unspool.load("chars").score("the c")
    assert lines[0].split("\t") == [" " * 8, "'t'"]
    assert [float(line.split("\t")[0]) for line in lines[1:5]] == pytest.approx(list(nats[1:]), abs=1e-4)
    assert lines[5].endswith("mean of 4, nats a character")


def test_raw_bytes(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    command = ["sample", "bytes", "--prompt", "né", "--length", "40", "--raw"]
    assert run(command) == 0
    raw = capsysbinary.readouterr().out
    pieces = unspool.load("bytes").stream("né", length=40, raw=True)
    assert raw == "né".encode() + bytes(piece.id for piece in pieces)
    with pytest.raises(UnicodeDecodeError):
        raw.decode()
    assert run([*command, "--output", "out.bin"]) == 0
    assert Path("out.bin").read_bytes() == raw
    assert run([*command, "--count", "2"]) == 2
    assert run(["sample", "chars", "--length", "5", "--raw"]) == 0
    assert len(capsysbinary.readouterr().out.decode()) == 6


def test_predictions_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [text for _, text in rows(5)]
    Path("texts.csv").write_text("text\n" + "\n".join(texts) + "\n")
    expected = [f"{p.label}\t{p.probabilities.max():.4f}" for p in unspool.load("classes").predict(texts)]
    assert out_of(capsys, "predict", "classes", "texts.csv").splitlines() == expected
    assert out_of(capsys, "predict", "classes", "--text", texts[1]).splitlines() == expected[1:2]
    assert out_of(capsys, "predict", "classes", "--text", "").count("\n") == 1

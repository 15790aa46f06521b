"""`unspool probe` from end to end, on runs that were trained for a few steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unspool.cli.main import run
from unspool.tasks.load import load
from unspool.tasks.start import begin
from unspool.training.options import Budget

TEXT = "the quick brown fox jumps over the lazy dog; " * 60


def probe(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["probe", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def trained(task: str, data: Path, out: Path, **options: Any) -> str:
    session = begin(task, [str(data)], options=options, budget=Budget("steps", 3), out=str(out), baseline=False)
    assert list(session.events)
    return str(out)


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("language")
    text = folder / "fox.txt"
    text.write_text(TEXT, encoding="utf-8")
    options = {"hidden_size": 8, "layers": 2, "batch_size": 4, "window": 16, "recompute": True, "dropout": 0.3}
    return trained("language", text, folder / "run", **options)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("texts")
    rows = [f"{'good ' * (n % 5 + 1)}day,{'yes' if n % 2 else 'no'}" for n in range(40)]
    table = folder / "rows.csv"
    table.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    options = {"hidden_size": 6, "cell": "gru", "reset": "before", "pooling": "mean"}
    return trained("classifier", table, folder / "run", **options)


def test_a_language_model(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = probe(capsys, language, "--steps", "20")
    assert (found["task"], found["steps"]) == ("language", 20)
    flows = {(flow["layer"], flow["state"]): flow for flow in found["gradient"]}
    assert set(flows) == {(1, "h"), (1, "c"), (2, "h"), (2, "c")}
    for flow in flows.values():
        assert len(flow["norms"]) == len(flow["sequences"]) == 21
        assert all(norm > 0 for norm in flow["norms"]) and 0 < flow["rate"] < 1, "an untrained LSTM forgets"
    assert [(row["layer"], row["gate"]) for row in found["matrices"]] == [(n, g) for n in (1, 2) for g in "ifgo"]
    weights = load(language).model.stack[1].cell.weight_hh.detach().numpy()
    assert found["matrices"][6]["singular_value"] == pytest.approx(np.linalg.svd(weights[16:24])[1][0], rel=1e-5)
    assert [row["name"] for row in found["activity"]] == [*"ifgoch"] * 2
    assert found["activity"][1]["mean"] > 0.6, "the forget gate starts open"


def test_the_table_and_the_picture(language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "inside.png"
    assert run(["probe", language, "--steps", "12", "--output", str(picture)]) == 0
    shown = capsys.readouterr()
    assert picture.read_bytes().startswith(b"\x89PNG") and str(picture) in shown.err
    head, *rows = shown.out.splitlines()[1:6]
    assert head.split() == ["k=0", "k=1", "k=2", "k=5", "k=10", "a", "step"]
    assert [row[:9] for row in rows] == ["layer 1 h", "layer 1 c", "layer 2 h", "layer 2 c"]
    assert "singular value" in shown.out and "at most 0.1" in shown.out


def test_what_is_given_is_what_is_read(language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "over the lazy dog"
    (tmp_path / "given.txt").write_text(text, encoding="utf-8")
    one = probe(capsys, language, "--text", text)
    other = probe(capsys, language, str(tmp_path / "given.txt"))
    assert one == other and one["read"] == f"1 window of {len(text) - 1} characters" and one["steps"] == len(text) - 2
    model = f"{language}/model.safetensors"
    assert probe(capsys, model, "--text", text)["gradient"] == one["gradient"]


def test_a_classifier_of_texts(texts: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = probe(capsys, texts, "--steps", "10")
    assert [(flow["direction"], flow["state"]) for flow in found["gradient"]] == [("forward", "h"), ("backward", "h")]
    assert all(flow["norms"][0] > 0 for flow in found["gradient"])
    assert {row["name"] for row in found["activity"]} == {"r", "z", "n", "h"}
    assert probe(capsys, texts, "--text", "good day")["steps"] == 7


def test_a_classifier_of_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    data = tmp_path / "waves.npz"
    np.savez(data, X=generator.normal(size=(24, 9, 2)), y=np.arange(24) % 2)
    options = {"hidden_size": 5, "cell": "rnn", "nonlinearity": "relu", "bidirectional": False, "layers": 1}
    network = trained("classifier", data, tmp_path / "run", **options)
    found = probe(capsys, network)
    assert found["steps"] == 8 and len(found["gradient"]) == 1
    assert found["matrices"][0]["limit"] == 1.0
    assert run(["probe", network, "--text", "no"]) == 2
    assert "this one reads numeric sequences" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--text", "x", "file.txt"], 2, "either DATA or --text"),
        (["--steps", "0"], 2, "--steps must be"),
        (["--output", "picture.docx"], 2, "must end in .png"),
        (["--text", "t"], 1, "needs at least 2 characters"),
        (["missing.txt"], 1, "missing.txt"),
    ],
)
def test_mistakes_are_explained(
    language: str, arguments: list[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["probe", language, *arguments]) == status
    error = capsys.readouterr().err
    assert sentence in error and len(error.splitlines()) == 1


def test_a_model_file_alone_does_not_know_its_data(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probe", f"{language}/model.safetensors"]) == 1
    assert "name the DATA" in capsys.readouterr().err

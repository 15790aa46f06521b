"""`unspool sample`, `score` and `predict`: what they print is what the task says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unspool
from tests.tasks.made import LANGUAGE, flags, model_bytes, rows, story, write_model
from unspool.cli.main import run
from unspool.data.marks import Marked
from unspool.data.sources import Text
from unspool.tasks.language.language import Language
from unspool.tasks.language.options import LanguageOptions
from unspool.training.options import Budget


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
    capsysbinary.readouterr()
    assert run(["sample", "chars", "--length", "5", "--raw"]) == 2
    assert b"--raw needs a model of --unit byte, this one is of --unit char" in capsysbinary.readouterr().err


@pytest.mark.parametrize("ending", [".pdf", ".md", ".json", ".html.gz"])
def test_a_text_is_written_under_no_other_ending(ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "chars", "--length", "5", "--output", f"out{ending}"]) == 2
    assert "--output of sample must end in .txt, in .html for a page" in capsys.readouterr().err
    assert not Path(f"out{ending}").exists()


def test_endings_of_files(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sample", "chars", "--length", "5", "--output"]
    text = unspool.load("chars").sample(length=5) + "\n"
    for name in ("out", "out.txt", "OUT.TXT"):
        assert out_of(capsys, *command, name) == ""
        assert Path(name).read_text(encoding="utf-8") == text
    printed = out_of(capsys, *command, "out.json", "--json")
    assert Path("out.json").read_text(encoding="utf-8") == printed
    assert json.loads(printed)["samples"][0]["text"] + "\n" == text


@pytest.mark.parametrize(
    "options",
    [
        {"repetition_penalty": 3.0, "penalty_window": 5},
        {"block_ngrams": 2},
        {"temperature": "2:0.1"},
        {"alphabet": "the ca"},
        {"until": "line", "prompt": "mat."},
    ],
)
def test_each_rule_has_its_flags(options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    prompt = options.pop("prompt", "the ")
    command = ["sample", "chars", "--prompt", prompt, "--length", "60", "--seed", "3"]
    found = out_of(capsys, *command, *flags(options))
    assert found == unspool.load("chars").sample(prompt, length=60, seed=3, **options) + "\n"
    assert found != out_of(capsys, *command)


def test_beam_search(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sample", "chars", "--prompt", "the ", "--length", "12", "--beam", "4", "--length-penalty", "0.5"]
    found = unspool.load("chars").search("the ", beam=4, length=12, length_penalty=0.5)
    assert out_of(capsys, *command) == f"the {found[0].text}\n"
    shown = "".join(f"--- sample {n}, score {f.score:.4f}\nthe {f.text}\n" for n, f in enumerate(found[:3]))
    assert out_of(capsys, *command, "--count", "3") == shown
    samples = json.loads(out_of(capsys, *command, "--count", "2", "--json"))["samples"]
    assert [(s["score"], s["log_prob"]) for s in samples] == [(f.score, f.log_prob) for f in found[:2]]
    assert [s["text"] for s in samples] == [f"the {f.text}" for f in found[:2]]
    for wrong, sentence in (
        (["--temperature", "0.5"], "takes no --temperature"),
        (["--top-k", "3", "--greedy"], "takes no --top-k or --greedy"),
        (["--count", "5"], "got --count 5"),
    ):
        assert run([*command, *wrong]) == 2
        assert sentence in capsys.readouterr().err
    assert run(["sample", "chars", "--beam", "2", "--length", "0"]) == 2
    assert "needs a --length" in capsys.readouterr().err


def test_a_label_chooses_the_kind(capsys: pytest.CaptureFixture[str]) -> None:
    plain = unspool.load("chars")
    task = Language(plain.options, Marked(plain.vocabulary, ["Irish", "Italian"]))
    task.model = task.build()
    task.model.output.weight.data *= 9
    write_model(task, Path("names"))
    command = ["sample", "names", "--length", "30", "--until", "length", "--label"]
    kinds = [out_of(capsys, *command, label) for label in task.vocabulary.marks]
    assert kinds == [task.sample(label=label, length=30, until="length") + "\n" for label in task.vocabulary.marks]
    assert kinds[0] != kinds[1]
    scored = json.loads(out_of(capsys, "score", "names", "--text", "the", "--label", "Irish", "--json"))
    assert scored["nats"] == pytest.approx(list(task.score("the", "Irish")))
    assert scored["total"] == pytest.approx(sum(scored["nats"]))
    assert run(["sample", "names"]) == 2
    assert "needs a --label; choose one of Irish, Italian" in capsys.readouterr().err
    assert run(["sample", "chars", "--label", "Irish"]) == 2


def test_novelty(capsys: pytest.CaptureFixture[str]) -> None:
    Path("story.txt").write_text(story(), encoding="utf-8")
    assert run(["train", "language", "story.txt", *flags(LANGUAGE), "--steps", "3", "--quiet", "--out", "run"]) == 0
    command = ["sample", "run", "--length", "40", "--count", "2", "--novelty-length", "4"]
    text = unspool.load("run").sample(length=40, count=2)
    training = Language.prepare(LanguageOptions(**LANGUAGE), [Text(story())], Budget("steps", 3)).train_ids
    expected = [unspool.load("run").novelty(sample, training, least=4) for sample in text]
    capsys.readouterr()
    assert run([*command, "--novelty"]) == 0
    out, error = capsys.readouterr()
    assert out == "".join(f"--- sample {n}\n{sample}\n" for n, sample in enumerate(text))
    assert error.splitlines() == [f"sample {n}: {novelty}" for n, novelty in enumerate(expected)]
    samples = json.loads(out_of(capsys, *command, "--novelty", "--json"))["samples"]
    assert [sample["novelty"] for sample in samples] == [novelty._asdict() for novelty in expected]
    Path("other.txt").write_text(f"Жук: {text[0][5:30]} ?", encoding="utf-8")
    (other, _) = json.loads(out_of(capsys, *command, "--novelty-text", "other.txt", "--json"))["samples"]
    assert other["novelty"]["longest"] == text[0][5:30]
    assert run(["sample", "chars", "--novelty"]) == 2
    assert "add --novelty-text" in capsys.readouterr().err
    assert run(["sample", "chars", "--novelty-length", "4"]) == 2
    assert run(["sample", "chars", "--novelty", "--length", "0"]) == 2


@pytest.mark.parametrize("name", ["chars", "bytes"])
def test_pages(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert out_of(capsys, "score", name, "--text", "née <3\n", "--unknown", "skip", "--output", "page.html") == ""
    page = Path("page.html").read_text(encoding="utf-8")
    task = unspool.load(name)
    nats = task.score("née <3\n") if name == "bytes" else task.score("née 3\n")
    second = nats[1:3].sum() if name == "bytes" else nats[1]
    assert f"&#x27;é&#x27;: probability {np.exp(-second):.3g}, {second:.2f} nats" in page
    assert page.count("<span class=") == 8 + (name == "bytes") + 7 - 1
    command = ["sample", name, "--prompt", "the ", "--length", "20", "--count", "2"]
    found = json.loads(out_of(capsys, *command, "--output", "sample.html", "--json"))
    page = Path("sample.html").read_text(encoding="utf-8")
    assert page.count("<h2>sample ") == len(found["samples"]) == 2
    assert page.count("read, not written") == 2
    assert out_of(capsys, *command, "--beam", "3", "--output", "beam.html") == ""
    assert "<h2>sample 1, score -" in Path("beam.html").read_text(encoding="utf-8")
    assert run(["score", name, "--text", "the", "--output", "page.txt"]) == 2
    assert "must end in .html, got page.txt" in capsys.readouterr().err


def test_predictions_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [text for _, text in rows(5)]
    Path("texts.csv").write_text("text\n" + "\n".join(texts) + "\n")
    expected = [f"{p.label}\t{p.probabilities.max():.4f}" for p in unspool.load("classes").predict(texts)]
    assert out_of(capsys, "predict", "classes", "texts.csv").splitlines() == expected
    assert out_of(capsys, "predict", "classes", "--text", texts[1]).splitlines() == expected[1:2]
    assert out_of(capsys, "predict", "classes", "--text", "").count("\n") == 1

"""`unspool train`, `resume`, `evaluate`, `info` and `runs`: what they print, and where."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.tasks.made import CLASSIFIER, LANGUAGE, flags, model_bytes, story, write_rows
from unspool.cli import clock
from unspool.cli.display import Display
from unspool.cli.main import main, run
from unspool.training import checkpoint
from unspool.training.events import Sampled, Started
from unspool.training.log import read_log

PROMISED = {"loss", "validation_loss", "bits_per_character", "tokens_per_second", "split"}
TRAIN = ["train", "language", "story.txt", *flags(LANGUAGE)]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")
    write_rows(Path("rows.csv"))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], str]:
    """The one JSON object of a command, and what it said beside it."""
    capsys.readouterr()
    assert run(arguments) == 0
    out, error = capsys.readouterr()
    return json.loads(out), error


def test_json_of_a_language_model(capsys: pytest.CaptureFixture[str]) -> None:
    trained, error = printed(capsys, *TRAIN, "--steps", "6", "--out", "run", "--json")
    assert trained.keys() >= PROMISED | {"run", "steps", "seconds", "options", "baseline"}
    assert trained["run"] == "run" and trained["steps"] == 6 and trained["options"]["hidden_size"] == 16
    assert trained["tokens_per_second"] > 0 and 0 < trained["baseline"]["5-gram"] < trained["validation_loss"]
    assert "update 6" in error and "model: run/model.safetensors" in error and "baseline, 5-gram" in error
    found, _ = printed(capsys, "evaluate", "run", "--json")
    assert found.keys() >= PROMISED
    assert found["loss"] == found["validation_loss"] == trained["validation_loss"]
    assert found["split"] == trained["split"] == "validation on the last 0.1 of the text"
    assert found["tokens_per_second"] > 0
    again, _ = printed(capsys, "evaluate", "run", "story.txt", "--json")
    assert again["validation_loss"] == found["validation_loss"]


def test_json_of_a_classifier(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "classifier", "rows.csv", *flags(CLASSIFIER), "--steps", "3", "--out", "run", "--json"]
    trained, error = printed(capsys, *command)
    assert trained.keys() >= {"loss", "validation_loss", "accuracy", "macro_f1", "confusion", "split", "classes"}
    assert "majority class" in trained["baseline"] and "picture: run/confusion.png" in error
    found, _ = printed(capsys, "evaluate", "run", "--json")
    assert found["accuracy"] == trained["accuracy"]
    found, error = printed(capsys, "evaluate", "run", "rows.csv", "--json", "--output", "matrix.png")
    assert Path("matrix.png").read_bytes()[:4] == b"\x89PNG"
    found, _ = printed(capsys, "predict", "run", "--text", "yab", "--json")
    (row,) = found["predictions"]
    assert row["probabilities"].keys() == {"no", "yes"} and sum(row["probabilities"].values()) == pytest.approx(1)
    found, _ = printed(capsys, "predict", "run", "rows.csv", "--json")
    assert len(found["predictions"]) == 48


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, "--steps", "3", "--out", "run", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert run(["resume", "run", "--steps", "5", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_resume_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, "--steps", "3", "--quiet"]) == 0
    assert run(["resume", "runs/language-1"]) == 0
    assert "finished" in capsys.readouterr().err
    assert run(["resume", "runs/language-1", "--steps", "2"]) == 0
    assert "beyond 2 steps" in capsys.readouterr().err
    assert run(["resume", "runs/language-1", "--steps", "6"]) == 0
    error = capsys.readouterr().err
    assert "goes on after update 3" in error and "a new cycle" in error and "done after 6 updates" in error
    found, _ = printed(capsys, "resume", "runs/language-1", "--json")
    assert found["finished"] is True and "finished" in found["message"]
    found, _ = printed(capsys, "resume", "runs/language-1", "--steps", "8", "--json")
    assert found["steps"] == 8 and found.keys() >= PROMISED


def test_the_commands_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, "--steps", "3", "--quiet"]) == 0
    Path("runs/broken").mkdir()
    Path("runs/broken/last.safetensors").write_bytes(b"no")
    capsys.readouterr()
    assert run(["runs"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[0][:3] == ["runs/broken", "-", "damaged"]
    assert rows[1][:4] == ["runs/language-1", "language", "finished (budget)", "update 3"]
    found, _ = printed(capsys, "runs", "--json")
    assert [row["state"] for row in found["runs"]] == ["damaged", "finished (budget)"]
    found, _ = printed(capsys, "info", "runs/language-1", "--json")
    assert found["task"] == "language" and found["options"]["hidden_size"] == 16
    assert found["weights"] == sum(_size(shape) for shape in found["tensors"].values())
    assert run(["info", "runs/language-1"]) == 0
    assert "hidden size" in capsys.readouterr().out


def _size(shape: list[int]) -> int:
    return shape[0] * (_size(shape[1:]) if len(shape) > 1 else 1)


def test_from_and_force(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, "--steps", "3", "--quiet", "--out", "run"]) == 0
    command = ["train", "language", "story.txt", "--steps", "2", "--quiet", "--out", "run", "--from", "run"]
    assert run(command) == 1
    assert run([*command, "--force"]) == 0
    assert checkpoint.read(Path("run/model.safetensors"), "model")[1]["options"]["hidden_size"] == 16
    assert run([*command, "--force", "--cell", "gru"]) == 2
    assert "fixed by --from" in capsys.readouterr().err


def test_minutes_count_the_whole_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six seconds, of which three are gone before the training begins."""
    monkeypatch.setattr(clock, "BEGAN", time.monotonic() - 3.0)
    began = time.monotonic()
    assert run([*TRAIN, "--minutes", "0.1", "--quiet", "--no-baseline", "--out", "run"]) == 0
    lines = read_log(Path("run/log.jsonl"))
    assert lines[-1]["finished"] == "budget" and 3.5 < lines[-1]["seconds"] < 8
    assert time.monotonic() - began < 8
    rates = [line["learning_rate"] for line in lines if "learning_rate" in line]
    assert len(rates) > 3 and rates[-1] < 0.2 * max(rates)


@pytest.mark.slow
def test_a_fifth_of_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        main([*TRAIN, "--minutes", "0.2", "--quiet", "--out", "run"])
    assert ended.value.code == 0
    assert 6 < time.monotonic() - began < 16


def test_a_stopped_training_with_minutes_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import unspool
    from unspool.tasks.start import Session, reopen
    from unspool.training.options import Budget

    budget = Budget("minutes", 0.03)
    session = unspool.begin("language", ["story.txt"], options=LANGUAGE, budget=budget, out="run", baseline=False)
    for event in session.events:
        if event.seconds > 0.3:
            break
    session.close()
    again = reopen("run")
    assert isinstance(again, Session)
    events = list(again.events)
    assert 0.3 <= events[0].seconds < 1.3 and events[-1].seconds < 5
    assert isinstance(reopen("run"), str)


def test_a_text_in_parts_and_folders() -> None:
    Path("texts/below").mkdir(parents=True)
    Path("texts/a.txt").write_text(story(300), encoding="utf-8")
    Path("texts/below/b.txt").write_text(story(300, seed=1), encoding="utf-8")
    assert run(["train", "language", "texts", "story.txt", *flags(LANGUAGE), "--steps", "2", "--quiet"]) == 0
    _, document = checkpoint.read(Path("runs/language-1/last.safetensors"), "training")
    assert document["sources"] == [str(Path("texts").resolve()), str(Path("story.txt").resolve())]
    assert run(["resume", "runs/language-1", "--steps", "4", "--quiet"]) == 0


def test_a_model_file_alone_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    Path("model.safetensors").write_bytes(model_bytes("language"))
    assert run(["sample", "model.safetensors", "--length", "5"]) == 0
    assert len(capsys.readouterr().out) == 6
    assert run(["evaluate", "model.safetensors", "story.txt"]) == 0
    assert "bits per character" in capsys.readouterr().out
    assert run([*TRAIN, "--from", "model.safetensors", "--steps", "2", "--quiet"]) == 0


def test_runs_and_info_read_no_tensor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, "--steps", "3", "--quiet"]) == 0
    before, _ = printed(capsys, "info", "runs/language-1", "--json")

    def fail(*_: object) -> None:
        raise AssertionError("a tensor was read")

    monkeypatch.setattr(checkpoint.torch, "isfinite", fail)
    monkeypatch.setattr(checkpoint, "read", fail)
    found, _ = printed(capsys, "info", "runs/language-1", "--json")
    assert found == before and found["weights"] > 1000
    rows, _ = printed(capsys, "runs", "--json")
    assert [row["state"] for row in rows["runs"]] == ["finished (budget)"]


def test_what_takes_long_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    _, error = printed(capsys, *TRAIN, "--steps", "2", "--out", "run", "--json")
    reading, measuring = error.index("reading the data\n"), error.index("measuring the baseline\n")
    assert reading < measuring < error.index("training begins")
    assert run(["resume", "run", "--steps", "3"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("reading the data\n") and "measuring" not in error


def test_samples_do_not_flood_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, "--steps", "30", "--out", "run"]) == 0
    samples = [line["sample"] for line in read_log(Path("run/log.jsonl")) if "sample" in line]
    assert len(samples) == 3
    error = capsys.readouterr().err
    assert not any(line.strip() in error for sample in samples for line in sample.splitlines() if len(line) > 8)


def test_a_sample_is_at_most_three_lines(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(SimpleNamespace(), quiet=False)  # type: ignore[arg-type]
    text = "one\n\nt\x1bwo\nthree" + "e" * 200 + "\nfour\n"
    for seconds in (1.0, 19.0, 21.0, 30.0, 40.0, 41.5):
        display.show(Sampled(1, seconds, text))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["    one", "    t\u00b7wo", "    three" + "e" * 95] * 2


def test_numbers_and_their_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, "--steps", "1", "--no-baseline"]) == 0
    assert "\ndone after 1 update in " in capsys.readouterr().err
    left_out = {"rare character": 1046, "no text": 1}
    task = SimpleNamespace(describe=lambda: {"left_out": left_out}, baselines={}, budget="1 step")
    Display(SimpleNamespace(task=task, remark=""), quiet=False).show(Started(0, 0.0, 1, 9))  # type: ignore[arg-type]
    assert capsys.readouterr().err.startswith("left out: 1,046 by rare character, 1 by no text\n")

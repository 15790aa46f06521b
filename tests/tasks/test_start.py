"""`unspool.train`, `begin`, `resume` and `load`, as a program uses them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import unspool
from tests.tasks.made import CLASSIFIER, LANGUAGE, rows, story, waves
from unspool.errors import CheckpointError, DataError, SpecError, UnspoolError
from unspool.tasks.start import Run, Session, reopen
from unspool.training import folder
from unspool.training.events import Finished, Progress
from unspool.training.log import read_log
from unspool.training.options import Budget


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")


def train(data: Any = "story.txt", steps: int = 5, **more: Any) -> Run:
    return unspool.train("language", data, steps=steps, **{**LANGUAGE, **more})


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_a_path_a_list_or_a_text_are_the_same_data() -> None:
    losses = {train(data).metrics["validation_loss"] for data in (
        "story.txt", Path("story.txt"), ["story.txt"], [unspool.Text(story())],
    )}  # fmt: skip
    assert len(losses) == 1
    assert sorted(path.name for path in Path("runs").iterdir()) == [f"language-{n}" for n in range(1, 5)]


@pytest.mark.usefixtures("rendered")
def test_the_run_knows_its_model() -> None:
    events: list[Any] = []
    run = train(out="run", on_event=events.append)
    assert run.path == Path("run")
    assert run.model.sample("the ", length=5) == unspool.load("run").sample("the ", length=5)
    assert unspool.load("run/model.safetensors").score("the cat").shape == (7,)
    assert isinstance(events[-1], Finished) and events[-1].metrics == run.metrics
    assert sum(isinstance(event, Progress) for event in events) == 5
    files = {"model.safetensors", "last.safetensors", "log.jsonl", "curve.png", "samples.html"}
    assert contents(run.path).keys() == files
    assert Path("run/curve.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_data_in_memory() -> None:
    pairs = [(text, label) for label, text in rows(30)]
    frame = pd.DataFrame({"text": [t for t, _ in pairs], "label": [name for _, name in pairs]})
    found = []
    for data in (pairs, frame, ([t for t, _ in pairs], [name for _, name in pairs])):
        run = unspool.train("classifier", data, steps=3, **CLASSIFIER)
        found.append(run.metrics["validation_loss"])
    assert len(set(found)) == 1
    arrays, labels = waves(30)
    run = unspool.train("classifier", (arrays, labels), steps=3, **CLASSIFIER)
    assert len(run.model.predict(arrays)) == 30
    stacked = np.stack([array[:12] for array in arrays])
    assert unspool.train("classifier", (stacked, labels), steps=3, **CLASSIFIER).metrics["sequences"] == 4


def test_resuming_data_in_memory() -> None:
    text = unspool.Text(story())
    run = train([text], out="run")
    with pytest.raises(CheckpointError, match="data in memory"):
        reopen("run", Budget("steps", 9))
    session = reopen(run.path, Budget("steps", 9), data=[text])
    assert isinstance(session, Session) and list(session.events)[-1].step == 9
    with pytest.raises(CheckpointError, match="has changed"):
        reopen("run", Budget("steps", 12), data=[unspool.Text(story(seed=3))])


def test_a_finished_run_has_nothing_to_resume() -> None:
    train(out="run")
    before = contents(Path("run"))
    for budget in (None, Budget("steps", 5)):
        sentence = reopen("run", budget)
        assert isinstance(sentence, str) and "finished" in sentence and "--steps" in sentence
    for budget in (Budget("steps", 3), Budget("epochs", 0.01)):
        sentence = reopen("run", budget)
        assert isinstance(sentence, str) and "beyond" in sentence
    assert contents(Path("run")) == before


def test_a_new_cycle() -> None:
    train(out="run")
    session = reopen("run", Budget("steps", 12))
    assert isinstance(session, Session)
    assert session.remark == "a new cycle of the learning rate begins at update 5 and ends after 12 steps in all"
    events = list(session.events)
    rates = [event.learning_rate for event in events if isinstance(event, Progress)]
    assert [event.step for event in events if isinstance(event, Progress)] == list(range(6, 13))
    assert max(rates) == rates[0] > 10 * rates[-1]
    assert [line["step"] for line in read_log(Path("run/log.jsonl")) if "epoch" in line] == list(range(1, 13))
    again = reopen("run", Budget("epochs", 5))
    assert isinstance(again, Session) and again.training.place.step == 12


def test_a_text_that_has_changed() -> None:
    train(out="run")
    Path("story.txt").write_text(story().replace("cat", "act"), encoding="utf-8")
    before = contents(Path("run"))
    with pytest.raises(CheckpointError, match="has changed"):
        reopen("run", Budget("steps", 9))
    Path("story.txt").unlink()
    with pytest.raises(DataError, match=r"no .*story\.txt"):
        reopen("run", Budget("steps", 9))
    assert contents(Path("run")) == before


def test_starting_from_a_run() -> None:
    train(out="base", cell="gru", layers=2, skip=True)
    base = unspool.load("base").model.state_dict()
    session = unspool.begin("language", ["story.txt"], base="base", out="next", budget=Budget("steps", 3))
    assert session.options["cell"] == "gru" and session.options["layers"] == 2 and session.options["skip"]
    for name, weight in session.task.model.state_dict().items():
        assert weight.equal(base[name])
    list(session.events)
    assert not unspool.load("next").model.output.weight.equal(base["output.weight"])
    assert unspool.begin("language", ["story.txt"], base="base/model.safetensors", out="third").task
    for options, told in (
        ({"hidden_size": 8}, "--hidden-size must be at least what it is in the model of --from"),
        ({"cell": "lstm"}, "--cell"),
        ({"unit": "byte"}, "--unit"),
    ):
        with pytest.raises(SpecError, match=told):
            unspool.begin("language", ["story.txt"], base="base", options=options)
    grown = unspool.begin("language", [unspool.Text(story() + "Ж")], base="base", out="grown").task
    assert "Ж" in grown.vocabulary.symbols
    with pytest.raises(DataError, match=r"no gone\.txt"):
        unspool.begin("language", ["gone.txt"], base="base")
    with pytest.raises(SpecError, match="classifier model, got a language"):
        unspool.begin("classifier", None, base="base")
    assert not list(Path("runs").iterdir())


def test_a_run_is_overwritten_only_when_told_to() -> None:
    train(out="run")
    Path("run/notes.md").write_text("mine")
    before = contents(Path("run"))
    with pytest.raises(CheckpointError, match="--force"):
        train(out="run")
    with pytest.raises(UnspoolError):
        train("no.txt", out="run", force=True)
    with pytest.raises(UnspoolError):
        train(out="run", force=True, tied=True, embedding_size=0)
    assert contents(Path("run")) == before
    train(out="run", force=True, seed=1)
    after = contents(Path("run"))
    assert after["notes.md"] == b"mine" and after["model.safetensors"] != before["model.safetensors"]
    assert after["log.jsonl"].count(b"\n") == before["log.jsonl"].count(b"\n")


def test_resume_in_one_call() -> None:
    train(out="run", steps=3)
    before = contents(Path("run"))
    done = unspool.resume("run")
    assert done.metrics == unspool.resume(done.path, steps=2).metrics and contents(Path("run")) == before
    events: list[Any] = []
    further = unspool.resume(done.path, steps=7, on_event=events.append)
    assert events[-1].step == 7 and further.metrics == events[-1].metrics
    assert further.model.score("the").shape == (3,)


def test_what_a_killed_process_left_is_no_run(tmp_path: Path) -> None:
    Path("run").mkdir()
    for name in (".input.txt.tmp", ".last.safetensors.77.tmp", ".model.safetensors.77.tmp"):
        Path("run", name).write_bytes(b"half")
    Path("run/.mine.tmp").touch()
    train(out="run")
    assert contents(Path("run")).keys() >= {"model.safetensors", ".mine.tmp"}
    assert not list(Path("run").glob(".*safetensors*")) and not Path("run/input.txt").exists()
    folder.RunFolder(tmp_path / "run").clean()


def test_an_option_that_does_not_exist() -> None:
    with pytest.raises(SpecError, match="'hidden_size'"):
        unspool.train("language", "story.txt", hiden_size=3)
    with pytest.raises(SpecError, match="--layers must be a whole number"):
        unspool.train("language", "story.txt", layers="2")
    with pytest.raises(SpecError, match="--epochs and --steps"):
        unspool.train("language", "story.txt", steps=1, epochs=1)
    with pytest.raises(SpecError, match="'language'"):
        unspool.train("languag", "story.txt")


def test_the_function_train_is_not_hidden_by_the_package() -> None:
    """Whatever was imported before, `unspool.train` is callable."""
    code = "import unspool\nfrom unspool.training import options, schedule\nunspool.load\nunspool.nn.LSTM\n"
    code += "assert callable(unspool.train) and callable(unspool.resume) and options.Budget and schedule.learning_rate"
    source = str(Path(unspool.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": source})

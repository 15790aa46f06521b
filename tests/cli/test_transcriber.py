"""Transcribers through the command line: built-in sounds, files, a pipe, a language model, and what is refused."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import unspool
from tests.tasks.made import model_bytes, write_model
from tests.tasks.transcribing.made import chatter, transcriber
from unspool.cli.listen import listen
from unspool.cli.main import run
from unspool.cli.search import SearchSettings
from unspool.cli.stream import StreamSettings
from unspool.data.sound.made import made_sounds
from unspool.errors import SpecError
from unspool.tasks.transcribing.search import transcripts
from unspool.tasks.transcribing.transcriber import Transcriber

SMALL = ["--hidden-size", "16", "--layers", "1", "--batch-size", "8", "--threads", "1", "--no-baseline"]
Ran = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def ear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal transcriber of built-in syllables that has hardly learned."""
    folder = tmp_path_factory.mktemp("ear") / "run"
    with redirect_stdout(io.StringIO()) as told:
        status = run(["train", "transcriber", "--causal", "--steps", "12", "--out", str(folder), *SMALL, "--json"])
    assert status == 0
    (folder / "told.json").write_text(told.getvalue())
    return folder


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    """What stands on standard output and on standard error."""

    def check(*arguments: object, status: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        came = run([str(argument) for argument in arguments])
        found = capsys.readouterr()
        assert came == status, found.err
        return found.out, found.err

    return check


def answered(out: str) -> dict[str, Any]:
    (answer,) = json.loads(out)["predictions"]
    return answer  # type: ignore[no-any-return]


def test_what_a_training_tells(ear: Path, ran: Ran) -> None:
    told, measured = json.loads((ear / "told.json").read_text()), json.loads(ran("evaluate", ear, "--json")[0])
    assert told["steps"] == 12 < measured["steps"]  # updates there, frames of sound here
    same = ("validation_loss", "character_error_rate", "word_error_rate", "exact_match", "split", "sequences")
    assert {name: told[name] for name in same} == pytest.approx({name: measured[name] for name in same})


def test_a_file_a_pipe_and_a_picture(ear: Path, ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, file = made_sounds(3, 3)[2], tmp_path / "a.wav"
    soundfile.write(file, sound.samples(8000), 8000)
    answer = answered(ran("predict", ear, file, "--json")[0])
    assert answer["sequence"] == str(file) and 0 < answer["confidence"] <= 1
    assert [part["symbol"] for part in answer["symbols"]] == list(answer["text"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert ran("predict", ear, "--stream")[0] == answer["text"] + "\n"
    raw = (sound.samples(8000) * 32768).round().clip(-32768, 32767).astype("<i2").tobytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert ran("predict", ear, "--stream", "--rate", "8000")[0] == answer["text"] + "\n"
    lines = ran("predict", ear, file, "--stream", "--json")[0].splitlines()
    assert "".join(json.loads(line)["text"] for line in lines) == answer["text"]
    assert ran("predict", ear, file, "--output", tmp_path / "a.png")[0] == ""
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_a_pipe_is_read_once_for_its_picture_and_its_answers(
    ear: Path, ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the network runs once, whose search may be long."""
    file, widths = tmp_path / "a.wav", []
    soundfile.write(file, made_sounds(3, 3)[2].samples(8000), 8000)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))

    def counted(*arguments: Any) -> Any:
        widths.append(arguments[-1].width)
        return transcripts(*arguments)

    monkeypatch.setattr("unspool.tasks.transcribing.transcriber.transcripts", counted)
    out, told = ran("predict", ear, "-", "--beam", "4", "--output", tmp_path / "a.png", "--json")
    assert widths == [4] and told == f"picture: {tmp_path / 'a.png'}\n"
    assert {**answered(out), "sequence": str(file)} == answered(ran("predict", ear, file, "--beam", "4", "--json")[0])


def write_series(folder: Path, lengths: Sequence[int]) -> tuple[Path, Transcriber]:
    """A table of series of so many steps each, and a causal transcriber of three steps a frame that says much of it."""
    values = np.random.default_rng(0).normal(size=(sum(lengths), 2))
    keys = np.repeat([f"s{number}" for number in range(len(lengths))], lengths)
    table = folder / "series.csv"
    lines = (f"{key},{x},{y},ab\n" for key, (x, y) in zip(keys, values, strict=True))
    table.write_text("id,x,y,text\n" + "".join(lines))
    task = transcriber([table], key="id", label_column="text", causal=True, encoder="linear", frame=3)
    chatter(task)
    write_model(task, folder / "m")
    return table, task


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_rows_say_what_the_whole_says_to_the_last_row(ran: Ran, tmp_path: Path, form: list[str]) -> None:
    """Also where series end within a frame, and where others are kept for later."""
    table, task = write_series(tmp_path, range(30, 60))
    whole = {answer["sequence"]: answer["text"] for answer in task.answers([table])}
    rows = table.read_text().splitlines(keepends=True)

    def said(*flags: object) -> dict[str, str]:
        lines = ran("predict", tmp_path / "m", table, "--stream", "--key", "id", *form, *flags)[0].splitlines()
        parts = [tuple(json.loads(line).values())[:2] if form else line.split("\t") for line in lines]
        return {key: "".join(text for name, text in parts if name == key) for key in whole}

    assert said() == whole
    states = tmp_path / "states"
    kept = said("--state", states)
    assert kept != whole and all(whole[key].startswith(kept[key]) for key in whole)
    table.write_text("".join(rows[:700]))
    first = said("--state", tmp_path / "later")
    table.write_text("".join([rows[0], *rows[700:]]))
    second = said("--state", tmp_path / "later")
    assert {key: first[key] + second[key] for key in whole} == kept


def test_a_beam_and_a_language_model_beside_it(ear: Path, ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "lm.safetensors").write_bytes(model_bytes("language"))
    for number, sound in enumerate(made_sounds(4, 2)):
        soundfile.write(tmp_path / f"{number}.wav", sound.samples(8000), 8000)
        (tmp_path / f"{number}.txt").write_text(str(sound.text))
    sounds = sorted(tmp_path.glob("*.wav"))
    plain, helped = (
        json.loads(ran("evaluate", ear, *sounds, "--json", *search)[0])
        for search in ([], ["--beam", "4", "--language", tmp_path / "lm.safetensors", "--length-bonus", "3"])
    )
    assert {"character_error_rate", "word_error_rate", "exact_match", "split"} <= plain.keys()
    assert plain["validation_loss"] == pytest.approx(helped["validation_loss"])
    assert plain["character_error_rate"] != helped["character_error_rate"]
    task = unspool.load(ear)
    for beam, width in ((None, 16), (1, 1)):
        search = SearchSettings(beam, str(tmp_path / "lm.safetensors")).asked(task, "run")["search"]
        assert search.width == width and search.language is not None


def test_a_model_that_cannot_listen_is_refused_before_a_sound_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # reading from it would fail
    with pytest.raises(SpecError, match="train it with --causal"):
        listen(transcriber(), [], StreamSettings(), json=False)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["predict", "{ear}", "{here}/none.wav"], 1, "none.wav"),
        (["predict", "{ear}", "{here}/not.wav"], 1, "not.wav"),
        (["predict", "{ear}", "--text", "hello"], 2, "got --text"),
        (["predict", "{ear}", "{here}/not.wav", "--stream", "--key", "device"], 2, "are for rows"),
        (["predict", "{ear}", "{here}/not.wav", "--stream", "--beam", "4"], 2, "--stream answers"),
        (["evaluate", "{ear}", "--length-bonus", "2"], 2, "belong to --language"),
        (["train", "transcriber", "{here}/not.wav", "{here}/not.svg"], 2, "reads files of one kind"),
        (["evaluate", "{ear}", "--beam", "0"], 2, "--beam must be from 1 to 1024"),
        (["evaluate", "{ear}", "--language", "{ear}"], 2, "transcriber"),
        (["evaluate", "{here}/lm", "--beam", "2"], 2, "are for a transcriber"),
        (["train", "transcriber", "{here}/not.wav", "{here}/not.wav"], 1, "none of these has"),
        (["train", "transcriber", "--causal", "--encoder", "conv"], 2, "reads ahead"),
        (["train", "transcriber", "--input", "numbers"], 2, "no series of numbers"),
    ],
)
def test_what_is_refused(ear: Path, ran: Ran, tmp_path: Path, arguments: list[str], status: int, told: str) -> None:
    (tmp_path / "not.wav").write_bytes(b"RIFF but no sound")
    (tmp_path / "lm").write_bytes(model_bytes("language"))
    out, error = ran(*(part.format(ear=ear, here=tmp_path) for part in arguments), status=status)
    assert out == "" and told in error and error.count("unspool: ") == 1


def test_a_part_held_out_by_name_is_found_again_from_anywhere(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pattern is for the files' own names: the folder, given here from within, may be read from elsewhere later."""
    folder = tmp_path / "0_all" / "speech"
    folder.mkdir(parents=True)
    for number, sound in enumerate(made_sounds(12, 3)):
        soundfile.write(folder / f"{number}_{sound.speaker}.wav", sound.samples(8000), 8000)
        (folder / f"{number}_{sound.speaker}.txt").write_text(str(sound.text))
    monkeypatch.chdir(folder.parent)
    ran("train", "transcriber", "speech", "--hold-out", "0_*", "--steps", 2, "--out", tmp_path / "run", *SMALL)
    monkeypatch.chdir(tmp_path)
    measured = json.loads(ran("evaluate", "run", folder, "--json")[0])
    assert measured["sequences"] == 1 and measured["split"].endswith("the 1 of 12 recordings that match 0_*")
    ran("resume", "run", "--steps", 3)
    assert "matches 0 of 12" in ran("train", "transcriber", folder, "--hold-out", "*0_all*", status=1)[1]

"""`unspool predict RUN --stream`: in this process, and from outside with its pipes held open."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from tests.tasks.made import write_model
from tests.training.processes import PRELOADED, wait_for
from unspool.cli.main import main, run
from unspool.cli.stream import LONGEST
from unspool.tasks.streaming import Streams
from unspool.tasks.tagging.options import TaggerOptions
from unspool.tasks.tagging.tagger import Tagger
from unspool.training.options import Budget

LENGTH, STREAMS = 12, 5


def tagger(causal: bool) -> Tagger:
    """A labeller of two channels that has learned nothing yet."""
    source = np.random.default_rng(0)
    sequences = [source.normal(size=(LENGTH, 2)).astype(np.float32) for _ in range(20)]
    labels = [(values[:, 0] > 0).astype(np.int64) for values in sequences]
    options = TaggerOptions(hidden_size=8, layers=2, dropout=0.0, batch_size=4, causal=causal)
    task = Tagger.prepare(options, (sequences, labels), Budget("steps", 5))
    task.model = task.build()
    return task


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model."""
    folder = tmp_path_factory.mktemp("made")
    write_model(tagger(causal=True), folder / "m")
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a link to the model."""
    monkeypatch.chdir(tmp_path)
    Path("m").symlink_to(made / "m")
    return tmp_path


Told = tuple[int, str, str]
Answer = Callable[..., Told]


@pytest.fixture
def answer(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Pipe a text into the command; its status, answers and remarks."""

    def piped(text: str | bytes, *flags: str) -> Told:
        content = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return run(["predict", "m", "--stream", *flags]), *capsys.readouterr()

    return piped


def table() -> tuple[list[tuple[str, list[float]]], list[float]]:
    """Rows of several streams in turn, and the probability that is told of each when its stream is read as a whole."""
    source = np.random.default_rng(1)
    values = source.normal(size=(STREAMS, LENGTH, 2)).astype(np.float32)
    whole = [answer["probabilities"] for answer in tagger(causal=True).answers(list(values))]
    order = [(stream, step) for step in range(LENGTH) for stream in range(STREAMS)]
    rows = [(f"s{stream}", [float(value) for value in values[stream, step]]) for stream, step in order]
    return rows, [max(whole[stream][step]) for stream, step in order]


def csv_of(rows: Sequence[tuple[str, list[float]]]) -> str:
    return "id,x,y\n" + "".join(f"{key},{x},{y}\n" for key, (x, y) in rows)


def test_streams_equal_whole_sequences(answer: Answer) -> None:
    rows, expected = table()
    status, out, error = answer(csv_of(rows), "--key", "id", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert (status, error) == (0, "")
    assert [row["key"] for row in found] == [key for key, _ in rows]
    np.testing.assert_allclose([row["probability"] for row in found], expected, atol=1e-6)
    plain = answer(csv_of(rows), "--key", "id")[1].splitlines()
    assert plain == [f"{row['key']}\t{row['label']}\t{row['probability']:.4f}" for row in found]


@pytest.mark.parametrize("form", ["tsv", "jsonl", "crlf", "file"])
def test_formats_say_the_same(form: str, answer: Answer) -> None:
    rows, _ = table()
    expected = answer(csv_of(rows), "--key", "id")
    text, flags = csv_of(rows), ["--key", "id"]
    if form == "tsv":
        text = text.replace(",", "\t")
    elif form == "jsonl":
        text = "".join(json.dumps({"id": key, "x": x, "y": y}) + "\n" for key, (x, y) in rows)
    elif form == "crlf":
        text = "\ufeff" + text.replace("\n", "\r\n\r\n").rstrip()
    else:
        Path("rows.txt").write_text(text, encoding="utf-8")
        text, flags = "", ["rows.txt", *flags]
    assert answer(text, *flags) == expected


def test_one_stream_without_a_key(answer: Answer) -> None:
    rows, expected = table()
    lines = [f"{x},{y}\n" for key, (x, y) in rows if key == "s1"]
    status, out, _ = answer("".join(lines))
    assert status == 0
    assert [line.split("\t")[1] for line in out.splitlines()] == [
        f"{value:.4f}" for value, (key, _) in zip(expected, rows, strict=True) if key == "s1"
    ]
    assert answer("x,y\n" + "".join(lines)) == (0, out, "")  # a header is no row


def test_bad_rows_are_told_and_the_others_answered(answer: Answer) -> None:
    rows, _ = table()
    lines = csv_of(rows).splitlines(keepends=True)
    bad = ["s0,1\n", "s0,one,2\n", '"s0,1,2\n', "\xff" * LONGEST + "\n"]
    mixed = [lines[0], bad[0], *lines[1:9], *bad[1:], *lines[9:]]
    text = "".join(mixed).encode() + b"s0,1,\xff\n" + b"7" * (LONGEST + 1)
    status, out, error = answer(text, "--key", "id")
    assert status == 1 and out == answer(csv_of(rows), "--key", "id")[1]
    places = [2, 11, 12, 13, len(mixed) + 1, len(mixed) + 2]
    assert [line.split(": ")[:2] for line in error.splitlines()] == [["unspool", f"line {place}"] for place in places]
    assert "3 cells of the header" in error and "UTF-8, got the byte 0xff" in error
    assert error.count("at most 1048576 bytes") == 2


@pytest.mark.parametrize(
    ("text", "flags", "told"),
    [
        ("x,y\n1,2\n", ["--key", "id"], "line 1: the first line must name the column 'id'"),
        ("{\n", [], "line 1: a line must hold one JSON object"),
        ("\xff\n", [], "line 1: a row must be UTF-8"),
        ("", ["missing.csv"], "No such file"),
    ],
)
def test_a_table_that_cannot_be_read(text: str, flags: list[str], told: str, answer: Answer) -> None:
    status, out, error = answer(text.encode("latin-1"), *flags, "--state", "states")
    assert (status, out) == (1, "") and told in error and error.count("\n") == 1
    assert not Path("states").exists()


def test_wrong_usage(answer: Answer) -> None:
    for flags in (["a", "b"], ["--text", "x"], ["--output", "x.png"], ["--max-streams", "0"], ["--max-streams", "1.5"]):
        assert answer("", *flags)[0] == 2
    assert answer("", "--state", "nowhere/states") == (
        *(2, ""),
        "unspool: --state must name a file in a folder that exists, got nowhere/states; make the folder\n",
    )
    assert run(["predict", "m", "-", "--key", "id"]) == 2


def test_a_file_that_is_not_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", "m", "nowhere.csv", "--stream"]) == 1
    assert capsys.readouterr().err == (
        "unspool: --stream must name a file that can be read, but nowhere.csv is none (No such file or directory); "
        "check the path\n"
    )


def test_a_row_without_a_key_is_told_and_the_others_answered(answer: Answer) -> None:
    lines = ['{"id": "a", "values": [1, 2]}', '{"id": null, "values": [1, 2]}', '{"id": ["a"], "values": [1, 2]}']
    status, out, error = answer("\n".join([*lines, lines[0]]) + "\n", "--key", "id")
    assert status == 1 and [line.split("\t")[0] for line in out.splitlines()] == ["a", "a"]
    assert [line[:15] for line in error.splitlines()] == ["unspool: line 2", "unspool: line 3"]
    assert "must be a text or a number, not empty, got None" in error


def test_one_thread_unless_more_are_asked_for(answer: Answer) -> None:
    try:
        for flags, threads in (([], 1), (["--threads", "2"], 2)):
            torch.set_num_threads(3)
            assert answer("1,2\n", *flags)[0] == 0 and torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(1)


def test_two_directions_are_refused(answer: Answer) -> None:
    Path("m").unlink()
    write_model(tagger(causal=False), Path("m"))
    status, out, error = answer("1,2\n")
    assert (status, out) == (2, "") and error.count("\n") == 1


def test_the_state_is_saved_and_restored(answer: Answer) -> None:
    rows, _ = table()
    flags = ["--key", "id", "--state", "states"]
    whole = answer(csv_of(rows), "--key", "id")[1]
    parts = [answer(csv_of(part), *flags) for part in (rows[:17], rows[17:])]
    assert "".join(out for _, out, _ in parts) == whole
    assert {error for _, _, error in parts} == {f"streams saved in states: {STREAMS}\n"}
    other = tagger(causal=True)
    other.model.output.bias.data += 1
    Path("m").unlink()
    write_model(other, Path("m"))
    status, out, error = answer(csv_of(rows), *flags)
    assert (status, out) == (1, "") and "states holds states of another model" in error


@pytest.mark.parametrize("count", [1, 2])
def test_a_signal_while_rows_are_answered(count: int, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lets them be answered; a second ends it at once, and saves nothing."""
    rows, _ = table()
    whole = answer(csv_of(rows), "--key", "id")[1]
    true = Streams.step

    def interrupted(*arguments: Any) -> Any:
        for _ in range(count):
            os.kill(os.getpid(), signal.SIGTERM)
        return true(*arguments)

    monkeypatch.setattr(Streams, "step", interrupted)
    status, out, error = answer(csv_of(rows), "--key", "id", "--state", "states")
    assert (status, out) == (143, whole if count == 1 else "")
    assert Path("states").exists() is (count == 1)
    told = f"after line {len(rows) + 1}; streams saved in states: {STREAMS}"
    assert error == f"unspool: stopped {told if count == 1 else 'at once; the states were not saved'}\n"


def test_an_error_in_the_middle_saves_what_was_answered(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = table()
    true = Streams.step

    def broken(self: Streams, *arguments: Any) -> Any:
        if len(self):
            raise ValueError("nobody thought of this")
        return true(self, *arguments)

    monkeypatch.setattr(Streams, "step", broken)
    monkeypatch.setattr("unspool.cli.stream.ROWS", 20)
    with pytest.raises(ValueError, match="nobody"):
        answer(csv_of(rows), "--key", "id", "--state", "states")
    assert Path("states").exists()


def test_a_row_that_a_model_refuses_is_told_with_its_line(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = table()
    whole = answer(csv_of(rows), "--key", "id")[1].splitlines()
    true = Streams.step

    def refusing(*arguments: Any) -> Any:
        return [{"refused": "it is late"} if n == 3 else told for n, told in enumerate(true(*arguments))]

    monkeypatch.setattr(Streams, "step", refusing)
    status, out, error = answer(csv_of(rows), "--key", "id")
    assert (status, error) == (1, "unspool: line 5: it is late\n") and out.splitlines() == whole[:3] + whole[4:]


def test_more_streams_than_are_kept(answer: Answer) -> None:
    rows, _ = table()
    status, out, error = answer(csv_of(rows), "--key", "id", "--max-streams", "2")
    assert status == 0 and error.startswith("there are more than 2 streams") and error.count("\n") == 1
    first = out.splitlines()[:STREAMS]
    assert first == answer(csv_of(rows[:STREAMS]), "--key", "id")[1].splitlines()  # every stream begins anew, always


def test_a_key_is_one_cell_of_a_line(answer: Answer) -> None:
    assert answer('{"id": "a\\tb\\n", "x": 1, "y": 2}\n', "--key", "id")[1].startswith("a\\tb\\n\t")


def serve(arguments: Sequence[str], out: str, errors: str) -> None:
    """What runs in a process: `unspool ARGUMENTS`, its output in files or named pipes."""
    with open(out, "w") as sys.stdout, open(errors, "w") as sys.stderr:
        main(arguments)


@pytest.fixture
def begin(here: Path) -> Iterator[Callable[[str], ForkServerProcess]]:
    """Start the command on the named pipe `rows`."""
    started: list[ForkServerProcess] = []

    def start(out: str, *flags: str) -> ForkServerProcess:
        os.mkfifo("rows")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        arguments = ["predict", "m", "rows", "--stream", "--key", "id", *flags]
        process = context.Process(target=serve, args=(arguments, out, "errors"))
        path = os.pathsep.join(filter(None, sys.path))
        with mock.patch.dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS="1"):
            process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_rows_are_answered_at_once_and_a_signal_saves(
    number: int, status: int, begin: Callable[..., ForkServerProcess], answer: Answer
) -> None:
    rows, _ = table()
    whole = answer(csv_of(rows), "--key", "id")[1].splitlines()
    lines = csv_of(rows).splitlines(keepends=True)
    process = begin("answers", "--state", "states")

    def answers() -> list[str]:
        return Path("answers").read_text().splitlines()

    with open("rows", "w") as pipe:
        for count, piece in ((1, "".join(lines[:2])), (3, "".join(lines[2:4]) + lines[4][:5]), (4, lines[4][5:])):
            pipe.write(piece)
            pipe.flush()
            wait_for(lambda count=count: len(answers()) == count)  # type: ignore[misc]
        assert process.pid is not None
        os.kill(process.pid, number)
        process.join(60)
    assert process.exitcode == status and answers() == whole[:4]
    told = "unspool: stopped after line 5; streams saved in states: 4\n"
    assert Path("errors").read_text() == told
    assert answer(csv_of(rows[4:]), "--key", "id", "--state", "states")[1].splitlines() == whole[4:]


def test_a_reader_that_leaves_ends_it_silently(begin: Callable[..., ForkServerProcess]) -> None:
    os.mkfifo("answers")
    process = begin("answers", "--state", "states")
    with open("answers") as answers, open("rows", "w") as pipe:
        pipe.write("id,x,y\na,1,2\n")
        pipe.flush()
        assert answers.readline().startswith("a\t")
        answers.close()
        pipe.write("b,1,2\n")
        pipe.flush()
        process.join(60)
    assert process.exitcode == 0 and Path("errors").read_text() == ""
    assert Path("states").exists()

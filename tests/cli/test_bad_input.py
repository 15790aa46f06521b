"""A user's mistake is one sentence on standard error and an exit status, and nothing is lost."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.tasks.made import CLASSIFIER, LANGUAGE, flags, model_bytes, story, write_rows
from unspool.cli.main import run
from unspool.tasks import TASKS
from unspool.training import checkpoint

SMALL = [*flags(LANGUAGE), "--steps", "4", "--quiet", "--no-baseline"]
SMALL_CLASSIFIER = [*flags(CLASSIFIER), "--steps", "4", "--quiet", "--no-baseline"]
TS = "@problemName x\n@univariate true\n@classLabel true a b\n@data\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")
    write_rows(Path("rows.csv"))
    for name in ("language", "classifier", "waves"):
        Path(name).mkdir()
        Path(name, "model.safetensors").write_bytes(model_bytes(name))
    return tmp_path


Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    def check(arguments: list[str], status: int = 1) -> str:
        before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
        capsys.readouterr()
        came = run(arguments)
        out, error = capsys.readouterr()
        assert came == status, error
        assert out == ""
        assert error.startswith("unspool: ")
        assert error.count("\n") == 1 and error.endswith("\n")
        assert "Traceback" not in error
        assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
        return error

    return check


def train(*arguments: str) -> list[str]:
    return ["train", "language", *arguments, *SMALL, "--out", "run"]


def classify(*arguments: str) -> list[str]:
    return ["train", "classifier", *arguments, *SMALL_CLASSIFIER, "--out", "run"]


def test_documents_that_cannot_be_read(refused: Refused) -> None:
    assert "no 'txet'" in refused(train("rows.csv", "--column", "txet"))
    assert "no 'kind'" in refused(train("rows.csv", "--column", "text", "--condition", "kind"))
    assert "leave one of them out" in refused(train("rows.csv", "--column", "text", "--documents", "line"), 2)
    assert "which have no columns" in refused(train("rows.csv", "--column", "text", "--condition", "file"), 2)
    Path("blank.txt").write_text("\n \n")
    assert "blank.txt has no such document" in refused(train("blank.txt", "--documents", "line"))
    Path("cut.txt.zst").write_bytes(b"plain text")
    assert "zst" in refused(train("cut.txt.zst"))
    assert "--vocabulary-size" in refused(train("story.txt", "--unit", "bpe", "--vocabulary-size", "9"), 2)


def test_text_that_cannot_be_learned(refused: Refused) -> None:
    assert "nothing.txt" in refused(train("nothing.txt"))
    Path("empty.txt").touch()
    assert "empty.txt has 0 bytes" in refused(train("empty.txt"))
    Path("short.txt").write_text("a few words")
    assert "--window" in refused(train("short.txt"))
    Path("one.txt").write_text("x")
    refused(train("one.txt"))
    Path("folder").mkdir()
    assert "folder" in refused(train("folder"))
    Path("broken.txt").write_bytes(b"good so far \xff and on" * 100)
    sentence = refused(train("broken.txt"))
    assert "byte 12" in sentence and "0xFF" in sentence and "--unit byte" in sentence
    Path("broken.gz").write_bytes(b"\x1f\x8b\x08 not really")
    assert "gzip" in refused(train("broken.gz"))
    assert not Path("run").exists()


def test_broken_standard_input_is_called_that(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"good so far \xff and on" * 100)))
    sentence = refused(train("-"))
    assert "standard input" in sentence and ".tmp" not in sentence
    assert not Path("run").exists()


def test_validation_that_cannot_be_read(refused: Refused) -> None:
    assert "held.txt" in refused(train("story.txt", "--validation", "held.txt"))
    assert "fraction between 0 and 1" in refused(train("story.txt", "--validation", "1.5"), 2)
    assert "fraction between 0 and 1" in refused(classify("rows.csv", "--validation", "0"), 2)


def test_unknown_symbols(refused: Refused) -> None:
    assert "U+0416" in refused(["sample", "language", "--prompt", "Ж"])
    Path("russian.txt").write_text("Жук", encoding="utf-8")
    for verb in ("evaluate", "score"):
        assert "--unknown" in refused([verb, "language", "russian.txt"])
    assert "U+0416" in refused(["score", "language", "--text", "Ж"])
    refused(["evaluate", "language", "russian.txt", "--unknown", "skip"])


def test_numbers_that_are_none(refused: Refused) -> None:
    Path("nan.ts").write_text(TS + "1,2,3:a\n1,NaN,3:b\n")
    assert "nan.ts" in refused(classify("nan.ts"))
    Path("question.ts").write_text(TS + "1,2,3:a\n1,?,3:b\n")
    assert "?" in refused(classify("question.ts"))
    values = np.zeros((6, 4, 1), np.float32)
    values[2, 1] = np.nan
    np.savez("nan.npz", X=values, y=np.arange(6) % 2)
    refused(classify("nan.npz"))
    values[2, 1] = np.inf
    np.savez("inf.npz", X=values, y=np.arange(6) % 2)
    refused(classify("inf.npz"))
    np.savez("objects.npz", X=np.array([None, 1], dtype=object), y=np.arange(2))
    refused(classify("objects.npz"))


def test_labels(refused: Refused) -> None:
    Path("one.csv").write_text("label,text\na,x\na,y\na,z\n")
    assert "two classes" in refused(classify("one.csv"))
    Path("columns.csv").write_text("first,second,third\na,b,c\nd,e,f\n")
    assert "third" in refused(classify("columns.csv"))
    for flag in ("--label-column", "--text-column"):
        sentence = refused(classify("rows.csv", flag, "colour"))
        assert "'label', 'text' and no 'colour'" in sentence
    Path("empty.csv").write_text("label,text\n")
    assert "empty.csv" in refused(classify("empty.csv"))
    Path("broken.jsonl").write_text('{"text": "a", "label": "x"}\n{"text": "b", \n')
    assert "2" in refused(classify("broken.jsonl"))
    Path("strange.csv").write_text("label,text\nmaybe,abc\nyes,abc\n")
    assert "'maybe'" in refused(["evaluate", "classifier", "strange.csv"])
    Path("alone.csv").write_text("label,text\na,x\nb,y\n")
    assert "split" in refused(classify("alone.csv"))


def test_channels(refused: Refused) -> None:
    Path("ragged.ts").write_text(
        "@problemName x\n@dimensions 2\n@classLabel true a b\n@data\n1,2:3,4:a\n1,2:b\n1,2:3,4:b\n"
    )
    assert "ragged.ts" in refused(classify("ragged.ts"))
    np.savez("two.npz", X=np.ones((4, 5, 2), np.float32), y=["sine", "square"] * 2)
    assert "1 channels, got 2" in refused(["predict", "waves", "two.npz"])
    assert "1 channels, got 2" in refused(["evaluate", "waves", "two.npz"])
    assert "numeric sequences" in refused(["predict", "waves", "rows.csv"])
    assert "texts" in refused(["predict", "classifier", "two.npz"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "language", "--hiden-size", "3"], "--hidden-size"),
        (["train", "language", "story.txt", "--layers", "many"], "--layers"),
        (["train", "language", "story.txt", "--cell", "lstn"], "lstm"),
        (["train", "language", "story.txt", "--hidden-size", "0"], "--hidden-size must be at least 1"),
        (["train", "language", "story.txt", "--dropout", "1"], "--dropout"),
        (["train", "language", "story.txt", "--dropout", "nan"], "--dropout"),
        (["train", "language", "story.txt", "--learning-rate", "0"], "above 0"),
        (["train", "language", "story.txt", "--learning-rate", "inf"], "--learning-rate"),
        (["train", "language", "story.txt", "--seed", "-1"], "--seed"),
        (["train", "language", "story.txt", "--seed", "99999999999999999999"], "--seed"),
        (["train", "language", "story.txt", "--steps", "3", "--epochs", "2"], "--epochs and --steps"),
        (["train", "language", "story.txt", "--steps", "0"], "--steps"),
        (["train", "language", "story.txt", "--steps", "1.5"], "--steps must be a whole number, got 1.5"),
        (["resume", "language", "--steps", "many"], "--steps must be a whole number, got many"),
        (["train", "language", "story.txt", "--layers", "2.5"], "--layers must be a whole number, got 2.5"),
        (["sample", "language", "--seed", "1.7"], "--seed must be a whole number, got 1.7"),
        (["sample", "language", "--count=2.9"], "--count must be a whole number, got 2.9"),
        (["train", "language", "story.txt", "--minutes", "-1"], "--minutes"),
        (["train", "language", "story.txt", "--minutes", "nan"], "--minutes"),
        (["train", "language", "story.txt", "--threads", "0"], "--threads"),
        (["train", "language", "story.txt", "--device", "cudda"], "'cuda'"),
        (["train", "language", "story.txt", "--tied", "--embedding-size", "0"], "a tied output needs an embedding"),
        *((["train", task, "--batch-size", "0"], "--batch-size must be at least 1") for task in TASKS),
        (["train", "languish", "story.txt"], "language"),
        (["trian", "language"], "train"),
        (["sample"], "run"),
        (["sample", "language", "--temperature", "-1"], "--temperature"),
        (["sample", "language", "--top-p", "0"], "top-p"),
        (["sample", "language", "--count", "0"], "--count"),
        (["sample", "language", "--length", "-1"], "--length"),
        (["sample", "language", "--length", "0", "--json"], "without end"),
        (["sample", "language", "--seed", "-1"], "seed"),
        (["sample", "classifier"], "language model"),
        (["score", "classifier", "--text", "a"], "cannot score; try unspool predict or evaluate"),
        (["score", "language"], "--text"),
        (["score", "language", "story.txt", "--text", "a"], "one of them"),
        (["predict", "language", "--text", "a"], "cannot predict; try unspool sample"),
        (["predict", "classifier"], "--text"),
        (["predict", "waves", "--text", "a"], "numeric"),
        (["resume"], "run"),
        (["resume", "language", "--steps", "1", "--minutes", "1"], "one budget"),
        (["evaluate", "language", "story.txt", "--output", "x.png"], "has no picture"),
    ],
)
def test_wrong_usage(refused: Refused, arguments: list[str], told: str) -> None:
    small = [*flags(LANGUAGE), *SMALL[-2:]] if "story.txt" in arguments and arguments[0] == "train" else []
    asked = [name for name in arguments if name.startswith("--")]
    kept = [part for pair in zip(small[::2], small[1::2], strict=False) if pair[0] not in asked for part in pair]
    assert told in refused([*arguments, *kept], 2)
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="there is a CUDA device")
def test_a_device_that_is_not_there(refused: Refused) -> None:
    for arguments in (train("story.txt"), ["sample", "language"]):
        assert "this machine has none" in refused([*arguments, "--device", "cuda"], 2)


def test_models_that_are_none(refused: Refused) -> None:
    good = model_bytes("language")
    metadata = {"format": "unspool", "version": "1", "kind": "model", "document": "{}"}
    tensors = {"a": np.zeros(3, np.float32)}
    save_file(tensors, "plain.safetensors")
    save_file(tensors, "later.safetensors", {**metadata, "version": str(checkpoint.FORMAT_VERSION + 1)})
    save_file(tensors, "odd.safetensors", {**metadata, "version": "new"})
    save_file(tensors, "last.safetensors", {**metadata, "kind": "training"})
    save_file(tensors, "bare.safetensors", metadata)
    save_file(tensors, "text.safetensors", {**metadata, "document": "no JSON"})
    save_file(tensors, "list.safetensors", {**metadata, "document": "[1]"})
    save_file(tensors, "deep.safetensors", {**metadata, "document": "[" * 100_000})
    Path("short.safetensors").write_bytes(good[:-5])
    Path("header.safetensors").write_bytes(good[:100])
    Path("nothing.safetensors").touch()
    Path("pickle.pt").write_bytes(
        b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."
    )
    Path("empty").mkdir()
    told = {
        "none": "there is no model file",
        "empty": "there is no model file",
        "plain.safetensors": "another program",
        "later.safetensors": "upgrade",
        "odd.safetensors": "damaged",
        "last.safetensors": "a model file is needed",
        "bare.safetensors": "damaged",
        "text.safetensors": "no JSON",
        "list.safetensors": "no JSON object",
        "deep.safetensors": "no JSON",
        "short.safetensors": "cut short",
        "header.safetensors": "cut short",
        "nothing.safetensors": "cut short",
        "pickle.pt": "no readable safetensors",
        "story.txt": "no readable safetensors",
    }
    for name, sentence in told.items():
        for arguments in (["sample", name], ["evaluate", name], ["info", name], train("story.txt", "--from", name)):
            if arguments[0] == "info" and name in ("bare.safetensors", "text.safetensors"):
                continue
            assert sentence in refused(arguments), (name, arguments)
    refused(["resume", "none"])
    refused(["resume", "language"])
    refused(["evaluate", "language"])
    assert "no folder" in refused(["runs", "nowhere"])


def test_a_run_that_cannot_be_read(refused: Refused) -> None:
    assert run([*train("story.txt")]) == 0
    whole = Path("run/last.safetensors").read_bytes()
    for damaged in (whole[:-7], whole[:50], b"", b"x" * 100, model_bytes("language")):
        Path("run/last.safetensors").write_bytes(damaged)
        refused(["resume", "run", "--steps", "9"])
        refused(["evaluate", "run"])
    Path("run/last.safetensors").unlink()
    assert "last.safetensors" in refused(["resume", "run"])


def test_the_folder_of_a_run(refused: Refused) -> None:
    command = ["train", "language", "story.txt", *SMALL, "--out"]
    assert "is a file" in refused([*command, "story.txt"])
    assert "cannot be made" in refused([*command, "story.txt/below"])
    Path("mine").mkdir()
    Path("mine/input.txt").write_text("my own notes")
    assert "input.txt" in refused([*command, "mine"])
    assert run([*command, "run"]) == 0
    assert "--force" in refused([*command, "run"])
    assert "nothing.txt" in refused([*train("nothing.txt"), "--force"])
    Path("broken.txt").write_bytes(b"\xff" * 3000)
    refused([*train("broken.txt"), "--force"])
    refused([*train("story.txt"), "--from", "none", "--force"])
    np.savez("two.npz", X=np.ones((40, 5, 2), np.float32), y=["sine", "square"] * 20)
    assert "channels" in refused([*classify("two.npz"), "--from", "waves", "--force"])
    assert run([*train("story.txt"), "--force"]) == 0


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_full_disk(written: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever cannot be written, the file that was there stays, and the run goes on from it."""
    assert run(train("story.txt")) == 0
    old = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    count = 0

    def full(file: int) -> None:
        nonlocal count
        count += 1
        if count > written:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.os, "fsync", full)
        capsys.readouterr()
        assert run(["resume", "run", "--steps", "9", "--quiet"]) == 1
    error = capsys.readouterr().err
    told = "could not be written (No space left on device); the file that was there is untouched: free some space and"
    assert error.startswith("unspool: run/") and f"{told} resume\n" in error and error.count("\n") == 1
    assert not list(Path("run").glob(".*"))
    assert Path("run/model.safetensors").read_bytes() == old["model.safetensors"]
    assert run(["resume", "run", "--steps", "9", "--quiet"]) == 0
    last = json.loads(Path("run/log.jsonl").read_text().splitlines()[-1])
    assert (last["step"], last["finished"]) == (9, "budget")


def test_not_enough_memory(monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    from unspool.tasks.language.language import Language

    for failure in (MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")):

        def fail(*arguments: object, failure: Exception = failure) -> None:
            raise failure

        monkeypatch.setattr(Language, "build", fail)
        assert "not enough memory" in refused(train("story.txt"))

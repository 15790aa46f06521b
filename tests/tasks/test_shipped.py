"""Models and styles that come with the package: found by name, unless something here has that name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import unspool
from tests.tasks.made import write_model
from tests.tasks.pen.made import handwriting, inks
from unspool.cli.main import run
from unspool.errors import CheckpointError, SpecError
from unspool.tasks import shipped
from unspool.tasks.pen.styles import named_style, style_names, write_styles

torch.set_num_threads(1)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty shelf of the package, and an empty working directory."""
    folder, here = tmp_path / "models", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    monkeypatch.setattr(shipped, "shelf", lambda: folder)
    monkeypatch.setattr("unspool.tasks.pen.styles.shelf", lambda: folder)
    monkeypatch.chdir(here)
    return folder


def put(shelf: Path, name: str = "handwriting") -> bytes:
    made = write_model(handwriting(), shelf / "made.safetensors")
    unspool.export(made, shelf / f"{name}.safetensors", weights="bf16", card="# What it is")
    made.unlink()
    return (shelf / f"{name}.safetensors").read_bytes()


def test_a_name_is_a_model(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(shelf)
    assert shipped.names() == ["handwriting"]
    assert len(unspool.load("handwriting").write("ev", points=5)[0]) == 5
    assert run(["info", "handwriting"]) == 0
    assert "# What it is" in capsys.readouterr().out
    write = "evaluate", "handwriting", str(lines())
    assert run([*write, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sequences"] == 5
    assert run(["evaluate", "handwriting"]) == 1
    assert "handwriting is a model without its run" in capsys.readouterr().err
    run_ = unspool.train("handwriting", inks(), steps=1, base="handwriting", out="mine", longest=9, batch_size=4)
    assert run_.model.reader.alphabet == unspool.load("handwriting").reader.alphabet  # type: ignore[attr-defined]


def lines() -> Path:
    from tests.tasks.pen.made import write_inks

    return write_inks(Path("lines.json"), inks()[:5])


def test_what_is_here_wins(shelf: Path) -> None:
    put(shelf)
    own = handwriting(hidden_size=5)
    Path("handwriting").mkdir()
    with pytest.raises(CheckpointError, match="holds no model yet; rename it to reach the model 'handwriting' of the"):
        unspool.load("handwriting")
    write_model(own, Path("handwriting/model.safetensors"))
    assert unspool.load("handwriting").options.hidden_size == 5
    Path("handwriting/model.safetensors").rename("file")
    Path("handwriting").rmdir()
    Path("file").rename("handwriting")
    assert unspool.load("handwriting").options.hidden_size == 5
    Path("handwriting").unlink()
    assert unspool.load("handwriting").options.hidden_size == 12


@pytest.mark.parametrize("verb", [["info"], ["sample"], ["evaluate"], ["predict", "--text", "a"], ["probe"]])
def test_a_model_that_is_not_there_is_one_sentence(
    verb: list[str], shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb[0], "handwriting", *verb[1:]]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "this installation has no model of that name (it has none)" in error
    put(shelf, "pen")
    assert run([verb[0], "handwriting", *verb[1:]]) == 1
    assert "(it has pen)" in capsys.readouterr().err
    assert run([verb[0], "models/handwriting", *verb[1:]]) == 1
    assert "this installation" not in capsys.readouterr().err  # a path is no name


def test_names_reach_nothing_else(shelf: Path) -> None:
    put(shelf)
    (shelf / "notes.txt").touch()
    for name in ("../models/handwriting", "./handwriting", "handwriting.safetensors", "notes", "", ".", "notes.txt"):
        with pytest.raises(CheckpointError, match="there is no model file at"):
            shipped.model_file(name)
    assert shipped.names() == ["handwriting"]


def test_named_styles(shelf: Path) -> None:
    assert style_names() == []
    with pytest.raises(SpecError, match="has no named styles, got 'round'; give a file"):
        named_style("round")
    model = handwriting()
    hands = {name: model.write("ev", points=9, seed=seed)[0] for seed, name in enumerate(("round", "angular"))}
    assert write_styles(hands, shelf / "styles.json").is_file()
    assert style_names() == ["round", "angular"]
    for name, strokes in hands.items():
        found = named_style(name)
        np.testing.assert_allclose(found.points, strokes.points, atol=0.0006)
        assert found.text == "ev" and (found.last == strokes.last).all()
        assert len(model.write("an", style=found, points=4)[0]) == 4
    with pytest.raises(SpecError, match="there is no style 'rund'; did you mean 'round'"):
        named_style("rund")
    assert len(unspool.load(write_model(model, Path("m"))).evaluate([shelf / "styles.json"])) > 3


def test_what_this_package_ships() -> None:
    """Whatever is on the shelf can be read, tells of itself, and is small enough to travel."""
    assert shipped.shelf().is_dir() or shipped.names() == []
    for name in shipped.names():
        file = shipped.model_file(name)
        model = unspool.load(file)
        card = (file.parent / f"{name}.md").read_text(encoding="utf-8")
        told = json.loads(json.dumps(unspool_info(name)))
        assert file.stat().st_size < 8e6 and told["card"] == card and "CC BY 4.0" in card
        for style in style_names():
            assert len(model.write("hello", style=named_style(style), points=3)[0]) == 3


def unspool_info(name: str) -> dict[str, object]:
    from unspool.tasks.shelf import describe_model

    return describe_model(name)

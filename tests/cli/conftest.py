"""A folder with models, and what `unspool sample` makes of a command there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tasks.made import model_bytes
from tests.tasks.pen.made import inks
from unspool.cli.main import run
from unspool.ink.write import write_ink

Wrote = Callable[..., str]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pen").write_bytes(model_bytes("handwriting"))
    Path("textless").write_bytes(model_bytes("handwriting", prediction=True))
    Path("chars").write_bytes(model_bytes("language"))
    Path("classes").write_bytes(model_bytes("classifier"))
    write_ink([[replace(sample, writer="me")] for sample in inks()[:3]], Path("me.json"))


@pytest.fixture
def wrote(capsys: pytest.CaptureFixture[str]) -> Wrote:
    """What stands on standard output, with the files that standard error names."""

    def check(*arguments: str) -> str:
        capsys.readouterr()
        assert run(["sample", *arguments]) == 0
        return capsys.readouterr().out

    return check


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Wrote:
    def check(*arguments: str, status: int = 2) -> str:
        before = sorted(Path().iterdir())
        capsys.readouterr()
        came = run(["sample", *arguments])
        out, error = capsys.readouterr()
        assert (came, out) == (status, ""), error
        assert error.startswith("unspool: ") and error.count("\n") == 1
        assert sorted(Path().iterdir()) == before
        return error

    return check

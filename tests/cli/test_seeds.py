"""`train --seeds N`: N runs that differ in their seed alone, and their mean and range."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unspool.cli.main import run
from unspool.cli.seeds import spread


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{'ab' if n % 2 else 'cd'} {n},{['even', 'odd'][n % 2]}" for n in range(40)]
    Path("rows.csv").write_text("\n".join(["text,label", *rows]))


TRAIN = ["train", "classifier", "rows.csv", "--hidden-size", "4", "--no-baseline", "--quiet", "--threads", "1"]


def test_each_seed_has_its_run_and_the_range_is_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, "--steps", "2", "--seeds", "3", "--seed", "5", "--out", "all", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [Path(one["run"]).name for one in told["runs"]] == ["seed-5", "seed-6", "seed-7"]
    losses = [one["validation_loss"] for one in told["runs"]]
    assert len(set(losses)) == 3
    assert told["validation_loss"] == {"mean": pytest.approx(sum(losses) / 3), "min": min(losses), "max": max(losses)}
    assert "tokens_per_second" not in told
    assert json.loads(Path("all", "seeds.json").read_text()) == told
    assert run([*TRAIN, "--steps", "2", "--seed", "6", "--out", "one", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["validation_loss"] == losses[1]


def test_the_result_is_printed_even_if_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    command = [part for part in TRAIN if part not in ("--no-baseline", "--quiet")]
    assert run([*command, "--steps", "2", "--seeds", "2", "--out", "loud"]) == 0
    loud = capsys.readouterr()
    assert "mean and range of 2 seeds, the held-out part drawn anew by each" in loud.err
    assert run([*command, "--quiet", "--steps", "2", "--seeds", "2", "--out", "quiet"]) == 0
    quiet = capsys.readouterr()
    assert quiet.out == loud.out and quiet.err == ""
    table = dict(line.split("  ", 1) for line in quiet.out.splitlines())
    assert table["baseline, majority class"].strip() == "0.5000  (0.5000 to 0.5000)"


def test_a_number_that_one_run_lacks_has_no_mean() -> None:
    assert spread([{"a": 1.0, "b": 2.0, "n": 3}, {"a": 2.0, "n": 4}]) == {"a": {"mean": 1.5, "min": 1.0, "max": 2.0}}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rows.csv", "--seeds", "1"], "--seeds must be at least 2, got 1; use --seed for one"),
        (
            ["-", "--seeds", "2"],
            "--seeds reads the data once for each network, but standard input comes once; give a file",
        ),
    ],
)
def test_wrong_usage(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "classifier", *arguments]) == 2
    assert sentence in capsys.readouterr().err

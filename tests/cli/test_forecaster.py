"""The forecaster from the command line: train, go on, evaluate, predict, score, stream."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tasks.forecasting.made import FORECASTER, hourly
from tests.tasks.made import flags
from unspool.cli.main import run

SMALL = [*flags({**FORECASTER, "dropout": 0.2}), "--quiet", "--no-baseline"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hourly().to_csv("load.csv", index=False)


def test_train_resume_evaluate_predict(capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "forecaster", "load.csv", "--target", "load", "--before", "2024-01-08", *SMALL]
    assert run([*train, "--steps", "4", "--out", "whole", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert {"mse_scaled", "mae", "mase", "crps", "coverage", "coverage_raw", "by_horizon"} <= whole.keys()
    assert whole["options"]["horizon"] == 4 and whole["training_windows"] == 132
    capsys.readouterr()
    assert run(["evaluate", "whole", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mse"] == whole["mse"]
    evaluate = ["evaluate", "whole", "load.csv", "--after", "2024-01-08", "--json"]
    assert run([*evaluate, "--output", "fan.png", "--picture", "coverage"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["windows"] == 200 - 168 - 3 and found["baselines"].keys() >= {"naive", "ridge"}
    assert Path("fan.png").read_bytes()[:4] == b"\x89PNG"
    assert run(["predict", "whole", "load.csv", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["predictions"]
    assert answer["time"][0] == "2024-01-09 08:00:00" and len(answer["mean"]) == 4
    assert run(["predict", "whole", "load.csv"]) == 0
    assert capsys.readouterr().out.startswith("time\tmean\tlower\tupper\n2024-01-09 08:00:00\t")
    assert run(["score", "whole", "load.csv", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == 200 - 16 and rows[0].keys() == {"time", "value", "score"}


def test_a_person_sees_what_it_is_measured_against(capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "forecaster", "load.csv", "--target", "load", *[flag for flag in SMALL if flag != "--quiet"]]
    assert run([*train, "--steps", "2", "--out", "run"]) == 0
    told = capsys.readouterr().err
    assert "--horizon 4  --context 16" in next(line for line in told.splitlines() if line.startswith("network: "))
    assert "span: 4 steps of 1 hour ahead" in told
    for data in ([], ["load.csv", "--before", "2024-01-08", "--after", "2024-01-06"]):
        assert run(["evaluate", "run", *data]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert sum(line.startswith("baseline, ") for line in lines) == 4
        assert sum(line.startswith("coverage ") for line in lines) == 2  # and the raw one
        assert any(line.split() == ["windows", "45" if data else "17"] for line in lines)
    assert run(["evaluate", "run", "--before", "2024-01-08"]) == 2
    assert "--before divides given data" in capsys.readouterr().err


def test_a_resumed_training_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "forecaster", "load.csv", "--target", "load", "--known", "hint", *SMALL]
    assert run([*train, "--steps", "6", "--out", "whole", "--schedule", "step"]) == 0
    assert run([*train, "--steps", "3", "--out", "parts", "--schedule", "step"]) == 0
    assert run(["resume", "parts", "--steps", "6", "--quiet"]) == 0
    found = []
    for name in ("whole", "parts"):
        future = hourly(204)
        future.loc[200:, "load"] = None
        future.to_csv(f"{name}.csv", index=False)
        capsys.readouterr()
        assert run(["predict", name, f"{name}.csv", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["predictions"])
    assert found[0] == found[1]


def test_a_stream_of_keyed_rows(capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "forecaster", "load.csv", "--target", "load", "--scaling", "series", *SMALL]
    assert run([*train, "--steps", "3", "--out", "run"]) == 0
    lines = ["place,time,load", *(f"{'ab'[hour % 2]},2024-02-01 {hour // 2:02}:00,{10 + hour}" for hour in range(12))]
    Path("rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    capsys.readouterr()
    assert run(["predict", "run", "rows.csv", "--stream", "--key", "place", "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["key"] for answer in answers] == ["a", "b"] * 6
    assert all(answer["lower"] < answer["mean"] < answer["upper"] for answer in answers)
    assert run(["score", "run", "load.csv", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["score"] is None for row in rows] == [True] * 15 + [False] * (200 - 16)
    assert run(["score", "run", "load.csv"]) == 0
    texts = [line.split("\t")[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert [text == "" for text in texts] == [row["score"] is None for row in rows]


def test_wrong_usage_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    def refused(arguments: list[str], status: int) -> str:
        capsys.readouterr()
        assert run(arguments) == status
        error = capsys.readouterr().err
        assert error.startswith("unspool: ") and error.count("\n") == 1
        return error

    train = ["train", "forecaster", "load.csv", *SMALL, "--steps", "2", "--out", "run"]
    assert "lood" in refused([*train, "--target", "lood"], 1)
    assert "a step must be" in refused([*train, "--target", "load", "--step", "often"], 2)
    assert "--before" in refused([*train, "--target", "load", "--before", "soon"], 2)
    assert "normal" in refused([*train, "--distribution", "cauchy"], 2)
    Path("empty.csv").write_text("time,load\n", encoding="utf-8")
    assert "empty.csv" in refused(["train", "forecaster", "empty.csv", *SMALL, "--out", "run"], 1)
    assert run([*train, "--target", "load"]) == 0
    assert "--scaling series" in refused(["predict", "run", "load.csv", "--stream"], 2)
    assert "--after must be a time" in refused(["evaluate", "run", "load.csv", "--after", "soon"], 2)

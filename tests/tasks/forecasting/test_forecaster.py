"""Forecasters: what they learn, what they may not know, and what they answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import unspool
from tests.tasks.forecasting.made import FORECASTER, forecaster, hourly, shaken
from tests.tasks.made import write_model
from unspool.errors import DataError, SpecError
from unspool.tasks.forecasting.forecaster import Forecaster
from unspool.tasks.forecasting.series import read

LEARNS = {**FORECASTER, "hidden_size": 16, "learning_rate": 0.04}
CUT = 180  # of 200 rows, a tenth is held out


def trained(data: Any, tmp_path: Path, steps: int = 60, **options: Any) -> tuple[Forecaster, dict[str, Any]]:
    run = unspool.train("forecaster", data, steps=steps, out=str(tmp_path / "run"), **{**LEARNS, **options})
    assert isinstance(run.model, Forecaster)
    return run.model, run.metrics


@pytest.mark.usefixtures("rendered")
@pytest.mark.no_cover
def test_what_is_known_ahead_is_learned(tmp_path: Path) -> None:
    """The hint says two thirds of what no past can say."""
    data = hourly(400)
    model, metrics = trained(data, tmp_path, target="load", known="hint")
    found = model.evaluate(data)
    assert found["mse_scaled"] < 0.4 * found["baselines"]["ridge"]
    assert found["baselines"].keys() == {"naive", "seasonal naive", "seasonal naive with drift", "ridge"}
    assert metrics["coverage"] == pytest.approx(0.8, abs=0.1) and metrics["width_80"] < 4
    assert "coverage_80" not in metrics
    assert (tmp_path / "run/forecast.png").is_file() and (tmp_path / "run/coverage.png").is_file()


def test_untrained_it_is_the_ridge_regression() -> None:
    found = forecaster().evaluate(hourly()[["time", "load"]])
    assert found["mse_scaled"] == pytest.approx(found["baselines"]["ridge"], rel=1e-5)
    assert found["baselines"]["ridge"] < found["baselines"]["naive"]
    assert found["windows"] == 200 - CUT - 3 and found["split"].startswith("validation on what lies at 2024-01-08 12")
    assert len(found["by_horizon"]["mse_scaled"]) == 4 and len(found["origins"]) == 12


@pytest.mark.parametrize("scaling", ["window", "series"])
def test_nothing_that_is_held_out_is_learned_from(scaling: str) -> None:
    """Values a million times as large from the cut on change no number that training starts from, nor any batch."""
    data = hourly()
    spoiled = data.copy()
    spoiled.loc[CUT:, ["load", "hint", "other"]] = 1e6
    options: dict[str, Any] = {"target": "load", "known": "hint", "covariates": "other", "scaling": scaling}
    clean, other = forecaster(data, **options), forecaster(spoiled, **options)
    assert clean.layout == other.layout and clean.options == other.options
    assert clean.measure.to_dict() == other.measure.to_dict()
    for name, tensor in clean.model.state_dict().items():
        assert torch.equal(tensor, other.model.state_dict()[name]), name
    batches = clean.batches(), other.batches()
    for _ in range(2 * batches[0].steps_per_epoch):
        for one, two in zip(*map(next, batches), strict=True):
            np.testing.assert_array_equal(one, two)
    assert clean.parts is not None and len(clean.parts.training.times) == CUT
    assert clean.fingerprint != other.fingerprint


def test_before_leaves_the_rest_unread() -> None:
    task = forecaster(hourly(300)[["time", "load"]], before="2024-01-09 08:00")
    assert task.parts is not None
    assert (len(task.parts.training.times), len(task.parts.held.panel.times)) == (180, 200)
    found = task.evaluate(hourly(300)[["time", "load"]], after="2024-01-09 08:00")
    assert found["windows"] == 97 and found["split"] == "what lies at 2024-01-09 08:00 or later"
    assert found["origins"][0]["origin"] == "2024-01-09 08:00:00"
    with pytest.raises(SpecError, match="--before must be a time"):
        forecaster(before="soon")
    with pytest.raises(DataError, match="nothing lies before"):
        forecaster(before="1999-01-01")


def test_intervals_are_stretched_to_cover_what_is_held_out() -> None:
    task = forecaster(interval=0.6)
    found = task.metrics()
    assert found["widening"] == task.widening.tolist() == task.metadata()["widening"] != [1.0] * 4
    assert task.result is not None
    result = replace(task.result, judged=task.result.stretched)  # on what they were stretched to
    assert result.metrics()["coverage"] == pytest.approx(0.6, abs=0.02) != found["coverage_raw"]
    task.widening = np.full(4, 2.0)
    (wide,) = task.answers(hourly()[["time", "load"]])
    task.widening = np.ones(4)
    (plain,) = task.answers(hourly()[["time", "load"]])
    assert wide["mean"] == plain["mean"] and wide["quantiles"]["0.5"] == plain["quantiles"]["0.5"]
    ratio = (np.array(wide["upper"]) - wide["lower"]) / (np.array(plain["upper"]) - plain["lower"])
    np.testing.assert_allclose(ratio, 2.0)


def test_coverage_is_measured_on_what_the_intervals_have_not_seen() -> None:
    """The late half of the held-out part is a hundred times as wild: the early half covers next to nothing of it."""
    data = hourly(600)[["time", "load"]]
    data.loc[570:, "load"] += 100 * np.random.default_rng(0).standard_normal(30)
    task = forecaster(data)
    found = task.metrics()
    assert found["coverage"] == task.evaluate()["coverage"] == task.evaluate(data)["coverage"]
    assert task.result is not None and task.result.judged is not None
    result = replace(task.result, judged=task.result.stretched)
    assert abs(result.metrics()["coverage"] - 0.8) < 0.05 < abs(found["coverage"] - 0.8)
    short = forecaster(hourly(60)[["time", "load"]]).metrics()  # three windows
    assert "coverage" not in short and "coverage" not in short["by_horizon"] and short["coverage_raw"] >= 0


@pytest.mark.parametrize("distribution", ["normal", "student", "quantiles", "negative-binomial"])
def test_answers_go_on_where_the_data_ends(distribution: str, tmp_path: Path) -> None:
    data = hourly()[["time", "load"]].round({"load": 0})
    task = forecaster(data, distribution=distribution)
    (answer,) = task.answers(data)
    assert answer["time"] == [f"2024-01-09 {hour:02}:00:00" for hour in (8, 9, 10, 11)]
    rows = np.array([answer["quantiles"][level] for level in ("0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95")])
    assert (np.diff(rows, axis=0) >= 0).all() and rows[0].min() > 0 and rows[-1].max() < 30
    assert answer["lower"] == answer["quantiles"]["0.1"] and answer["upper"] == answer["quantiles"]["0.9"]
    lines = task.told(answer).splitlines()
    assert lines[0].split() == ["time", "mean", "lower", "upper"] and len(lines) == 5
    again = unspool.load(write_model(task, tmp_path / "model.safetensors"))
    assert again.answers(data) == [answer] and again.metadata() == task.metadata()


def test_an_answer_is_the_forecast_that_is_judged() -> None:
    data, task = hourly()[["time", "load"]], shaken()
    assert task.parts is not None
    held = task.parts.held
    result = task.measured(held, np.array([190]))
    (answer,) = task.answers(data[:190])
    np.testing.assert_allclose(answer["mean"], result.stretched.mean[0, :, 0], rtol=1e-6)
    np.testing.assert_allclose(answer["upper"], result.stretched.at(0.9)[0, :, 0], rtol=1e-6)


def test_many_series_and_columns_by_one_network() -> None:
    data = pd.concat([hourly(seed=seed).assign(place=name) for seed, name in enumerate(("north", "south"))])
    task = forecaster(data, key="place", target="load, other", covariates="hint")
    answers = task.answers(data)
    assert [answer["key"] for answer in answers] == ["north", "south"]
    assert answers[0]["mean"].keys() == {"load", "other"} and len(answers[0]["quantiles"]["0.9"]["other"]) == 4
    assert task.told(answers[1]).splitlines()[:2] == [
        "south",
        "time\tload mean\tother mean\tload lower\tother lower\tload upper\tother upper",
    ]
    assert task.describe()["series"] == 2
    found = task.backtest(data, origins=["2024-01-08 20:00"])
    assert [(row["key"], row["origin"]) for row in found] == [
        (name, "2024-01-08 20:00:00") for name in ("north", "south")
    ]
    with pytest.raises(DataError, match="no forecast begins"):
        task.backtest(data, origins=["1999-01-01"])


def test_what_is_known_ahead_must_be_there() -> None:
    data = hourly()
    task = forecaster(data, target="load", known="hint")
    with pytest.raises(DataError, match=r"known ahead \(hint\) must be filled for 4 steps"):
        task.answers(data)
    future = hourly(204)
    future.loc[200:, "load"] = np.nan
    (answer,) = task.answers(future)
    assert len(answer["mean"]) == 4


def test_gaps_and_uneven_stamps() -> None:
    data = hourly()[["time", "load"]]
    uneven = data.drop(index=[20, 21, 22, 60, 61])
    task = forecaster(uneven)
    assert "1 hour by linear interpolation" in task.describe()["resampled"] and "missing" in task.describe()
    assert task.parts is not None
    assert not task.parts.training.observed[20:23].any() and task.parts.training.observed[19]
    assert "resampled" not in forecaster(data).describe()
    moved = data.assign(time=data.time + pd.to_timedelta(np.arange(200) % 3, "min"))
    assert forecaster(moved, step="1h").layout.interpolation == "previous"
    finer = forecaster(data, step="30min")
    assert finer.layout.step == "30 min" and finer.options.season == 48


@pytest.mark.parametrize("shift", [0, -20])
@pytest.mark.parametrize("step", [None, "2h"])
def test_what_comes_after_a_forecast_begins_changes_nothing_in_it(step: str | None, shift: int) -> None:
    """Not by a gap that is filled from both ends, nor by stamps beside the step, nor by a longer step."""
    data = hourly().drop(index=[180, 188, 189, 190, 191])
    data.time += pd.to_timedelta(shift * (data.index % 2), "min")
    options: dict[str, Any] = {"target": "load", "covariates": "other", "step": step or "1h", "context": 8}
    task = forecaster(data, **options)
    other = data.copy()
    first = pd.Timestamp("2024-01-08 22:00")  # 190 hours after the beginning
    other.loc[other.time >= first, ["load", "hint", "other"]] = 1e6
    panels = [task.layout.panel(read(task.options, one)) for one in (data, other)]
    (row,) = np.flatnonzero(panels[0].times == np.datetime64(first))
    clean, spoiled = (task.gather(panel, np.array([row])) for panel in panels)
    np.testing.assert_array_equal(clean.past, spoiled.past)
    np.testing.assert_array_equal(clean.scale, spoiled.scale)
    assert not np.array_equal(clean.target, spoiled.target)


def test_arrays_without_stamps_have_their_season_found() -> None:
    values = hourly(300)["load"].to_numpy()
    task = forecaster(values, horizon=None, context=None)
    assert (task.options.season, task.options.horizon) == (24, 24)
    assert task.answers(values)[0]["time"][0] == "300" and not task.layout.cycles
    found = task.evaluate([values[:100], values[100:]])
    assert found["windows"] > 0 and found["split"] == "the whole of the given data"


def test_the_built_in_series_runs(tmp_path: Path) -> None:
    run = unspool.train("forecaster", steps=2, out=str(tmp_path / "run"), **FORECASTER)
    assert run.metrics["windows"] > 100 and run.model.options.season in (24, 168)  # type: ignore[attr-defined]
    again = unspool.resume(run.path, steps=3)
    assert again.metrics["mse"] > 0


def test_a_specimen_is_a_batch() -> None:
    task = forecaster()
    for data in (None, hourly()[["time", "load"]]):
        found = task.specimen(data, 10)
        assert found.steps == 10 and found.told == "16 forecasts of 4 steps"
        assert task.loss(found.batch, None).items == 64


def test_a_model_is_trained_further_on_other_data(tmp_path: Path) -> None:
    first = unspool.train("forecaster", hourly()[["time", "load"]], steps=2, out=str(tmp_path / "a"), **FORECASTER)
    other = hourly(150, seed=3, start="2025-01-01")[["time", "load"]]
    more = unspool.train("forecaster", other, steps=2, out=str(tmp_path / "b"), base=str(first.path), batch_size=8)
    left, right = first.model, more.model
    assert isinstance(left, Forecaster) and isinstance(right, Forecaster)
    assert left.measure.to_dict() == right.measure.to_dict() and left.layout == right.layout
    assert torch.equal(left.model.ridge, right.model.ridge)


def test_pictures(tmp_path: Path) -> None:
    task = forecaster()
    assert task.figures({}) == {}
    figures = task.figures(task.metrics())
    assert list(figures) == ["forecast", "coverage"]
    assert len(figures["forecast"]().axes) == 3
    data = hourly()[["time", "load"]]
    assert task.draw_answers(data, tmp_path / "fan.png") == task.answers(data)
    assert (tmp_path / "fan.png").read_bytes()[:4] == b"\x89PNG"


def test_wrong_wishes_are_sentences() -> None:
    data = hourly()
    with pytest.raises(DataError, match="loud"):
        forecaster(data, target="loud")
    with pytest.raises(SpecError, match="load twice"):
        forecaster(data, target="load", known="load")
    with pytest.raises(DataError, match="horizon"):
        forecaster(data, target="load", horizon=190)
    with pytest.raises(DataError, match="counts"):
        forecaster(data, target="load", distribution="negative-binomial")
    task = forecaster(data, target="load", covariates="hint")
    with pytest.raises(DataError, match="hint"):
        task.evaluate(data[["time", "load"]])

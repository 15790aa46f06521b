"""How a forecaster is measured: on what, by what scale, and what a person is told of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tests.tasks.forecasting.made import forecaster, hourly, shaken
from unspool.errors import DataError, SpecError
from unspool.tasks.forecasting import forecaster as module
from unspool.tasks.forecasting.options import ForecasterOptions
from unspool.tasks.forecasting.outlook import Outlook, crossed, widening
from unspool.tasks.forecasting.series import moment, read, span_text, step_text, time_name
from unspool.tasks.streaming import Streams

LEVELS = np.array([0.1, 0.5, 0.9])
STAMPS = np.zeros(1, "M8[ns]")


def normal(count: int, horizon: int) -> Outlook:
    """Forecasts that say 0, and 80 per cent between -1 and 1."""
    quantiles = np.broadcast_to([-1.0, 0.0, 1.0], (count, horizon, 1, 3))
    return Outlook(LEVELS, np.zeros((count, horizon, 1)), quantiles)


def noise(count: int, sizes: Any) -> np.ndarray:
    drawn = np.random.default_rng(0).standard_normal((count, len(sizes), 1)) / 1.2816  # 80 per cent within 1
    told: np.ndarray = drawn * np.asarray(sizes)[:, None]
    return told


def test_each_step_is_stretched_by_what_it_misses() -> None:
    sizes = np.linspace(0.5, 2.0, 30)
    factors = widening(normal(600, 30), noise(600, sizes), 0.8)
    np.testing.assert_allclose(factors, sizes, rtol=0.15)
    few = widening(normal(3, 30), noise(3, sizes), 0.8)  # 90 values say no more than one factor
    assert len(set(few.tolist())) == 1
    told = normal(2, 30).widened(factors, counts=False)
    np.testing.assert_allclose(told.at(0.9)[1, :, 0], factors)
    np.testing.assert_allclose(normal(2, 1).widened(factors, counts=False).at(0.9)[0, :, 0], factors[:1])


def test_halves_are_stretched_by_each_other() -> None:
    truth = np.concatenate([noise(300, [1.0]), 3 * noise(300, [1.0])])
    rows = np.arange(600)
    found = crossed(normal(600, 1), truth, 0.8, rows, rows + 3)
    assert found is not None
    np.testing.assert_allclose(found[:300], 3, rtol=0.15)
    np.testing.assert_allclose(found[300:], 1, rtol=0.15)
    truth[297:303] = 1e6  # values that forecasts of both halves tell of are in neither fit
    np.testing.assert_array_equal(crossed(normal(600, 1), truth, 0.8, rows, rows + 3), found)
    assert crossed(normal(9, 1), truth[:9], 0.8, rows[:9], rows[:9] + 9) is None


def test_intervals_of_counts_are_counts() -> None:
    quantiles = np.array([1.0, 4.0, 8.0]).reshape(1, 1, 1, 3)
    told = Outlook(LEVELS, np.full((1, 1, 1), 4.2), quantiles).widened(1.1, counts=True)
    assert told.quantiles.ravel().tolist() == [0.0, 4.0, 9.0]
    assert told.widened(1.0, counts=True).quantiles.tolist() == told.quantiles.tolist()


def test_the_cut_is_counted_in_steps() -> None:
    source = np.random.default_rng(0)
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(source.uniform(0, 40 * 24 * 3600, 600)), "s")
    data = pd.DataFrame({"time": times, "load": source.standard_normal(600)})
    task = forecaster(data, step="1D", horizon=7, context=8, batch_size=None)
    assert task.parts is not None and len(task.parts.held.origins) >= 1
    assert len(task.parts.training.times) in (32, 33)


def test_times_are_by_the_clocks_of_the_data() -> None:
    def hour(text: str, zone: str | None) -> str:
        return str(moment(text, STAMPS, zone, "after").astype("M8[m]"))

    assert hour("2024-07-01", "Europe/Berlin") == "2024-06-30T22:00"
    assert hour("2024-07-01 00:00+09:00", "Europe/Berlin") == "2024-06-30T15:00"
    assert hour("2024-07-01 06:30", None) == "2024-07-01T06:30"
    with pytest.raises(SpecError, match="--after must have no zone"):
        hour("2024-07-01T00:00+02:00", None)
    with pytest.raises(SpecError, match="comes once in Europe/Berlin"):
        hour("2024-10-27 02:30", "Europe/Berlin")


@pytest.mark.parametrize("missing", [[], [50, 51, 120, 185, 186]])
def test_with_the_scaling_of_the_series_one_forecast_is_answered_streamed_and_judged(missing: list[int]) -> None:
    data, task = hourly()[["time", "load"]], shaken(scaling="series", context=8)
    data.loc[missing, "load"] = np.nan
    held = task._judged(pd.concat([data.assign(load=data.load + 1)]), "2024-01-08 12:00")
    both = np.concatenate([held.origins[-1:], held.origins])
    assert np.array_equal(task.measured(held, both).raw.mean[0], task.measured(held, held.origins).raw.mean[-1])
    held = task._judged(data, "2024-01-08 12:00")
    result = task.measured(held, np.array([190, 188]))
    for place, row in enumerate((190, 188)):
        (answer,) = task.answers(data[:row])
        np.testing.assert_allclose(result.raw.mean[place, :, 0], answer["mean"], rtol=1e-5)
    streams, stepper = Streams(task.stepper()), task.stepper()
    for cells in data[:190].astype(object).fillna("").astype(str).itertuples(index=False):
        found = streams.step([""], stepper.read(list(cells))[None])[0]
    assert found["mean"] == pytest.approx(result.raw.mean[0, 0, 0], abs=1e-4)


def test_many_series_are_read_side_by_side() -> None:
    parts = [
        hourly(rows, seed).assign(place=name) for rows, seed, name in ((200, 1, "a"), (150, 2, "b"), (170, 3, "c"))
    ]
    data = pd.concat(parts)
    task = shaken(scaling="series")
    task = forecaster(data, target="load", key="place", scaling="series")
    task.model.load_state_dict(shaken(scaling="series").model.state_dict())
    held = task._judged(data, "2024-01-06")
    result = task.measured(held, held.origins)
    alone = task._judged(parts[1], "2024-01-06")
    expected = task.measured(alone, alone.origins).raw.mean
    mine = [held.panel.key_of(int(row)) == "b" for row in held.origins]
    np.testing.assert_allclose(result.raw.mean[mine], expected, rtol=1e-5)


def test_what_lies_between_two_times() -> None:
    data, task = hourly(300)[["time", "load"]], forecaster()
    found = task.evaluate(data, after="2024-01-09 08:00", before="2024-01-11 08:00")
    assert found["windows"] == 48 - 3
    assert found["split"] == "what lies at 2024-01-09 08:00 or later and before 2024-01-11 08:00"
    with pytest.raises(DataError, match="nothing lies before"):
        task.evaluate(data, before="1999-01-01")


def test_the_drift_is_that_of_all_that_came_before() -> None:
    """It rose by 24 a day until the fourth day, then no more: the context alone has seen nothing of it."""
    hours = np.arange(300)
    data = pd.DataFrame({"time": pd.date_range("2024", periods=300, freq="h"), "load": np.minimum(hours, 96.0)})
    task = forecaster(data, context=16, season=24)
    assert task.parts is not None
    drift = task.parts.held.panel.drift(np.array([25, 97, 296]), 24)
    np.testing.assert_allclose(drift[:, 0], [24, 24, (24 * 73 + np.arange(24).sum()) / 272], rtol=1e-9)
    found = task.evaluate()["baselines"]
    assert found["seasonal naive"] < 1e-9 < found["seasonal naive with drift"]


def test_each_series_has_its_own_scale_of_mase() -> None:
    small, large = (hourly(seed=seed)[["time", "load"]].assign(place=name) for seed, name in ((1, "a"), (2, "b")))
    large.load *= 1000
    data = pd.concat([small, large])
    task = forecaster(data, key="place", target="load", season=24)
    errors = task.measure.by_series
    np.testing.assert_allclose(errors["b"] / errors["a"], 1000, rtol=0.2)
    both = task.evaluate(data)["mase"]
    alone = [task.evaluate(one, after=task.split.split(" at ")[1].split(" or ")[0])["mase"] for one in (small, large)]
    assert both == pytest.approx(np.mean(alone), rel=0.2) and both > 0.1
    assert not forecaster().measure.by_series


def test_an_evaluation_measures_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCHED", 5)
    task = forecaster()
    assert task.metrics()["windows"] == 5
    assert task.evaluate()["windows"] == task.evaluate(hourly()[["time", "load"]])["windows"] == 17


def test_a_network_that_loses_says_so() -> None:
    task = forecaster(hourly(400), target="load", known="hint")
    assert task.advice() == []
    torch.nn.init.constant_(task.model.output.bias, 3.0)
    task.metrics()
    (line,) = task.advice()
    assert "is not below that of" in line and "--covariates" in line


def test_too_little_to_learn_from_is_refused_or_told() -> None:
    with pytest.raises(DataError, match="4 windows at least"):
        forecaster(hourly(4)[["time", "load"]], horizon=None, context=None)
    assert "few_windows" in forecaster(hourly(50)[["time", "load"]]).describe()
    told = forecaster(hourly()[["time", "load"]].assign(load=7.0)).describe()
    assert "load never changes" in told["constant"] and "few_windows" not in told
    assert not {"constant", "few_windows", "zone"} & forecaster().describe().keys()


def test_steps_are_told_as_people_say_them() -> None:
    assert span_text(52, step_text(np.timedelta64(7, "D").astype("m8[ns]"))) == "52 steps of 7 days"
    assert (span_text(1, "1 hour"), span_text(11, "1.0")) == ("1 step of 1 hour", "11 steps")
    assert forecaster().describe()["span"].startswith("4 steps of 1 hour ahead, ")


def test_midnights_are_written_as_the_hours_beside_them() -> None:
    data, task = hourly(25)[["time", "load"]], shaken(horizon=1, scaling="series")
    times = [row["time"] for row in task.surprises(data)]
    assert times[-1] == "2024-01-02 00:00:00" and times[0] == "2024-01-01 01:00:00"
    assert task.answers(data[:24])[0]["time"] == ["2024-01-02 00:00:00"]
    daily = data.assign(time=pd.date_range("2024-01-01", periods=25, freq="D"))
    assert task.layout.panel(read(task.options, daily)).texts(np.array([2])) == ["2024-01-01 02:00:00"]


def test_the_built_in_series_has_a_column_of_times() -> None:
    assert time_name(ForecasterOptions(), []) == time_name(ForecasterOptions(), None) == "time"

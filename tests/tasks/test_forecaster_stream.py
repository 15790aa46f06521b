"""A forecaster row by row, and how much a row surprises it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.tasks.made_series import forecaster, hourly, shaken
from unspool.cells import state as trees
from unspool.errors import DataError, SpecError
from unspool.tasks.forecast_stepper import ForecastStepper
from unspool.tasks.forecaster import Forecaster
from unspool.tasks.streaming import Streams

ROWS = 60


def rows(task: Forecaster, data: Any) -> list[np.ndarray]:
    stepper = task.stepper()
    assert stepper.columns is not None
    texts = data[list(stepper.columns)].astype(str).fillna("")
    return [stepper.read(list(cells)) for cells in texts.itertuples(index=False)]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_each_answer_is_that_of_all_rows_so_far(cell: str) -> None:
    task, data = shaken(scaling="series", cell=cell, layers=2), hourly(ROWS)[["time", "load"]]
    streams = Streams(task.stepper())
    found = [streams.step([""], row[None])[0] for row in rows(task, data)]
    for count in (1, 2, 15, 16, 17, ROWS):  # shorter and longer than the context
        if count > 1:  # one row has no step by itself
            (answer,) = task.answers(data[:count])
            for name in ("mean", "lower", "upper"):
                assert found[count - 1][name] == pytest.approx(answer[name][0], abs=1e-5)
    surprises = task.surprises(data)
    assert found[0]["score"] is None and len(surprises) == ROWS - 1
    np.testing.assert_allclose(
        [answer["score"] for answer in found[1:]], [row["score"] for row in surprises], atol=1e-4
    )
    assert task.stepper().told(found[0]).count("\t") == 3


def test_streams_side_by_side_do_not_meet() -> None:
    task = shaken(scaling="series", distribution="student")
    series = [rows(task, hourly(20, seed)[["time", "load"]]) for seed in (1, 2, 3)]
    together, alone = Streams(task.stepper()), Streams(task.stepper())
    for step in zip(*series, strict=True):
        for left, right in zip(
            together.step(["a", "b", "c"], np.stack(step)),
            [alone.step([name], row[None])[0] for name, row in zip("abc", step, strict=True)],
            strict=True,
        ):
            for name in ("mean", "lower", "upper"):
                assert left[name] == pytest.approx(right[name], abs=1e-5)
    leaves = trees.leaves(task.stepper().initial(5))
    assert all(leaf.dtype == torch.float32 and len(leaf) == 5 and bool(leaf.isfinite().all()) for leaf in leaves)


def test_a_missing_value_is_held_and_surprises_nobody() -> None:
    task, data = shaken(scaling="series"), hourly(30)[["time", "load"]]
    data.loc[[12, 13], "load"] = np.nan
    streams = Streams(task.stepper())
    found = [streams.step([""], row[None])[0] for row in rows(task, data)]
    assert [place for place, answer in enumerate(found) if answer["score"] is None] == [0, 12, 13]
    assert np.isfinite([answer["mean"] for answer in found]).all()
    (answer,) = task.answers(data[:12])
    assert found[11]["mean"] == pytest.approx(answer["mean"][0], abs=1e-5)


@pytest.mark.parametrize("distribution", ["normal", "negative-binomial"])
@pytest.mark.parametrize("scaling", ["window", "series"])
def test_what_is_out_of_the_ordinary_surprises_most(scaling: str, distribution: str) -> None:
    data = hourly()[["time", "load"]].round({"load": 0})
    task = forecaster(data, scaling=scaling, distribution=distribution)
    planted = data.copy()
    planted.loc[150, "load"] += 40
    found = task.surprises(planted)
    place = int(np.argmax([row["score"] for row in found]))
    assert found[place]["time"] == str(data.time[150]) and found[place]["value"] == planted.load[150]
    assert min(row["score"] for row in found) >= 0


def test_several_columns_and_covariates_stream() -> None:
    data = hourly()
    task = forecaster(data, target="load,other", covariates="hint", scaling="series", time="time")
    assert task.stepper().columns == ("time", "load", "other", "hint")
    streams = Streams(task.stepper())
    found = [streams.step([""], row[None])[0] for row in rows(task, data[:40])]
    (answer,) = task.answers(data[:40])
    for column in ("load", "other"):
        assert found[-1]["mean"][column] == pytest.approx(answer["mean"][column][0], abs=1e-5)
    row = task.surprises(data)[-1]
    assert row["column"] in ("load", "other")


def test_numbers_without_stamps_stream() -> None:
    values = hourly(80)["load"].to_numpy()
    task = forecaster(values, scaling="series")
    stepper = task.stepper()
    assert stepper.columns == ("value",)
    answers, _ = stepper.step(stepper.read(["12.5"])[None], stepper.initial(1))
    assert answers[0]["lower"] < answers[0]["mean"] < answers[0]["upper"]


def test_what_cannot_stream_says_why() -> None:
    data = hourly()
    with pytest.raises(SpecError, match="--scaling series"):
        forecaster().stepper()
    with pytest.raises(SpecError, match="--known"):
        forecaster(data, target="load", known="hint", scaling="series").stepper()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["2024-01-01", "1", "2"], "time, load, got 3 cells"),
        (["2024-01-01", "x"], "numbers"),
        (["2024-01-01", "inf"], "finite"),
        (["yesterday", "1"], "stamp"),
    ],
)
def test_rows_that_are_none(cells: list[str], message: str) -> None:
    stepper = shaken(scaling="series").stepper()
    assert isinstance(stepper, ForecastStepper)
    with pytest.raises(DataError, match=message):
        stepper.read(cells)


def test_a_stamp_with_a_zone_is_read_by_its_own_clock() -> None:
    stepper = shaken(scaling="series").stepper()
    plain, zoned = (stepper.read([f"2024-05-01 06:00{zone}", "10"]) for zone in ("", "+09:00"))
    np.testing.assert_array_equal(plain, zoned)

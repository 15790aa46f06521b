"""A forecaster row by row, and how much a row surprises it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tasks.forecasting.made import forecaster, hourly, shaken
from unspool.cells import state as trees
from unspool.errors import DataError, SpecError
from unspool.tasks.forecasting.forecaster import Forecaster
from unspool.tasks.forecasting.stepper import ForecastStepper
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
    assert len(surprises) == ROWS - 1
    assert [answer["score"] is None for answer in found] == [True] * task.context + [False] * (ROWS - task.context)
    agree([answer["score"] for answer in found[1:]], [row["score"] for row in surprises])
    assert task.stepper().told(found[0]).count("\t") == 3


def agree(scores: list[float | None], others: list[float | None]) -> None:
    np.testing.assert_allclose(np.array(scores, np.float64), np.array(others, np.float64), atol=1e-4)  # None is NaN


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
    data.loc[[12, 13, 20], "load"] = np.nan
    streams = Streams(task.stepper())
    found = [streams.step([""], row[None])[0] for row in rows(task, data)]
    assert [place for place, answer in enumerate(found) if answer["score"] is None] == [*range(16), 20]
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
    found = [row for row in found if row["score"] is not None]
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
        (["2016-02-31", "1"], "of a day that there is, got '2016-02-31'"),
        (["2016-02-31 00:00+01:00", "1"], "stamp"),
        (["2024-01-01 25:00", "1"], "stamp"),
        (["1500-01-01", "1"], "between the years 1678 and 2261"),
        (["2300-01-01", "1"], "between the years 1678 and 2261"),
        (["7.5", "1"], "stamp"),
        (["2024-01-01", "1e45"], "finite and within 1e\\+18 deviations"),
        (["2024-01-01", "1e300"], "finite and within"),
        (["2024-01-01", "-3e38"], "finite and within"),
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
    np.testing.assert_array_equal(plain[:6], zoned[:6])  # value, whether it is missing, the calendar of two rows
    assert (plain[6:] != zoned[6:]).any()  # but they are of two times
    streams = Streams(stepper)
    assert "score" in streams.step(["a"], plain[None])[0]
    later = [stepper.read([f"2024-05-01T{hour:02}:00+00:00", "10"]) for hour in range(6, 24)]
    refused, *answers = streams.step(["a"] * 18, np.stack(later))
    assert "refused" in refused and [answer["score"] is None for answer in answers] == [True] * 15 + [False] * 2


@pytest.mark.parametrize(("cell", "told"), [("-1", "counts, 0, 1, 2"), ("2.5", "counts, 0, 1, 2"), ("1e17", "within")])
def test_counts_are_counts(cell: str, told: str) -> None:
    data = hourly()[["time", "load"]].round({"load": 0})
    stepper = forecaster(data, scaling="series", distribution="negative-binomial").stepper()
    with pytest.raises(DataError, match=told):
        stepper.read(["2024-01-01", cell])
    assert np.isfinite(stepper.read(["2024-01-01", "2.0"])).all() and stepper.read(["2024-01-01", ""])[1] == 1


def test_a_value_far_away_does_no_lasting_harm() -> None:
    task, data = shaken(scaling="series"), hourly(80)[["time", "load"]]
    data.loc[5, "load"] = 1e17
    streams = Streams(task.stepper())
    found = [streams.step([""], row[None])[0] for row in rows(task, data)]
    assert all(np.isfinite([answer["mean"], answer["lower"], answer["upper"]]).all() for answer in found)
    assert all(bool(leaf.isfinite().all()) for leaf in trees.leaves(streams._state))


def gone(task: Forecaster, keep: list[int], count: int = 40) -> tuple[Any, list[dict[str, Any]]]:
    """A table of which only some rows came, and the answers to them, all in one burst."""
    data = hourly(count)[["time", "load"]].iloc[keep].reset_index(drop=True)
    return data, Streams(task.stepper()).step([""] * len(data), np.stack(rows(task, data)))


@pytest.mark.parametrize("burst", [1, 7, 100])
def test_steps_without_a_row_are_missing_values(burst: int) -> None:
    task = shaken(scaling="series", interpolation="previous")
    keep = [*range(5), *range(7, 20), *range(32, 40)]
    data, together = gone(task, keep)
    given, streams = np.stack(rows(task, data)), Streams(task.stepper())
    found = [
        answer
        for first in range(0, len(keep), burst)
        for answer in streams.step([""] * len(given[first : first + burst]), given[first : first + burst])
    ]
    for left, right in zip(found, together, strict=True):
        assert left == pytest.approx(right, abs=1e-5)
    for count in (5, 6, 18, 19, len(keep)):
        (answer,) = task.answers(data[:count])
        assert found[count - 1]["mean"] == pytest.approx(answer["mean"][0], abs=1e-5)
        assert found[count - 1]["upper"] == pytest.approx(answer["upper"][0], abs=1e-5)
    agree([answer["score"] for answer in found[1:]], [row["score"] for row in task.surprises(data)])
    assert found[-1]["score"] is not None


def test_what_comes_twice_or_late_is_refused_and_changes_nothing() -> None:
    task = shaken(scaling="series")
    _, plain = gone(task, list(range(10)))
    _, mixed = gone(task, [0, 0, 1, 2, 3, 1, 4, 4, 5, 6, 7, 8, 9])
    told = [answer["refused"] for answer in mixed if "refused" in answer]
    assert len(told) == 3 and told[1] == (
        "rows of a stream must rise in time, one at each step of 1 hour, but one of 2024-01-01 01:00:00 came after "
        "that of 2024-01-01 03:00:00; sort the rows, and keep one a step"
    )
    kept = [answer for answer in mixed if "refused" not in answer]
    for left, right in zip(kept, plain, strict=True):
        assert left == pytest.approx(right, abs=1e-5)
    streams, (row, *_) = Streams(task.stepper()), rows(task, hourly(2)[["time", "load"]])
    streams.step(["a", "b"], np.stack([row, row]))
    assert all("refused" in answer for answer in streams.step(["a", "b", "a"], np.stack([row] * 3)))


def test_rows_a_little_early_or_late_are_still_one_a_step() -> None:
    task, data = shaken(scaling="series"), hourly(30)[["time", "load"]]
    source = np.random.default_rng(0)
    data.time = data.time + np.concatenate([[0], source.uniform(-0.4, 0.4, 29)]) * np.timedelta64(3600, "s")
    streams = Streams(task.stepper())
    assert not [answer for answer in streams.step([""] * 30, np.stack(rows(task, data))) if "refused" in answer]


def test_after_a_long_silence_a_stream_begins_anew() -> None:
    task, count = shaken(scaling="series"), 60
    context = task.context
    for pause, anew in ((context, False), (context + 1, True)):
        keep = [*range(20), *range(20 + pause, count)]
        _, found = gone(task, keep, count)
        _, alone = gone(task, list(range(20 + pause, count)), count)
        assert (found[20]["score"] is None) is anew
        silent = [answer["score"] is None for answer in found[20:]]
        assert silent == [anew and row < context for row in range(len(silent))]
        assert not anew or found[-1] == pytest.approx(alone[-1], abs=1e-5)
        assert (abs(found[20]["mean"] - alone[0]["mean"]) < 1e-5) is anew


def test_a_covariate_that_is_missing_is_held() -> None:
    data = hourly()
    task = forecaster(data, target="load", covariates="other", scaling="series", time="time")
    with torch.no_grad():
        task.model.output.weight.normal_(std=0.5, generator=torch.Generator().manual_seed(1))
    part = data[:30].copy()
    part.loc[[3, 28, 29], "other"] = np.nan
    found = Streams(task.stepper()).step([""] * 30, np.stack(rows(task, part)))
    (answer,) = task.answers(part)
    assert found[-1]["mean"] == pytest.approx(answer["mean"][0], abs=1e-5)


def test_the_clock_of_a_stream_is_saved_with_it(tmp_path: Path) -> None:
    task = shaken(scaling="series")
    given = np.stack(rows(task, hourly(10)[["time", "load"]]))
    streams, again = Streams(task.stepper()), Streams(task.stepper())
    streams.step(["a"] * 5, given[:5])
    streams.save(tmp_path / "states", "m")
    again.load(tmp_path / "states", "m")
    assert "refused" in again.step(["a"], given[4:5])[0] and "refused" not in again.step(["a"], given[5:6])[0]


def test_several_columns_come_in_bursts_as_one_by_one() -> None:
    data = hourly(50)
    task = forecaster(hourly(), target="load,other", covariates="hint", scaling="series", time="time")
    given = np.stack(rows(task, data))
    keys = ["a", "b", "a", "a", "c"] * 10
    together, alone = Streams(task.stepper()), Streams(task.stepper())
    left = together.step(keys, given)
    right = [alone.step([key], row[None])[0] for key, row in zip(keys, given, strict=True)]
    for one, other in zip(left, right, strict=True):
        for name in ("mean", "lower", "upper"):
            assert one[name] == pytest.approx(other[name], abs=1e-5)
    agree([answer["score"] for answer in left], [answer["score"] for answer in right])
    assert left[0]["score"] is None and left[-1]["score"] is not None


def test_a_column_is_scored_a_context_after_its_own_first_value() -> None:
    data = hourly(60)
    task = forecaster(hourly(), target="load,other", scaling="series", time="time")
    data.loc[:19, "other"] = np.nan
    data["load"] = data.load.round(1)
    data.loc[25:, "load"] = np.nan
    found = Streams(task.stepper()).step([""] * 60, np.stack(rows(task, data)))
    scored = [place for place, answer in enumerate(found) if answer["score"] is not None]
    assert scored == [*range(task.context, 25), *range(20 + task.context, 60)]
    surprises = task.surprises(data)
    agree([answer["score"] for answer in found[1:]], [row["score"] for row in surprises])
    assert [row["column"] for row in surprises[-5:]] == ["other"] * 5


def test_the_context_is_counted_across_a_saved_state(tmp_path: Path) -> None:
    task = shaken(scaling="series")
    given = np.stack(rows(task, hourly(20)[["time", "load"]]))
    streams, again = Streams(task.stepper()), Streams(task.stepper())
    streams.step(["a"] * 10, given[:10])
    streams.save(tmp_path / "states", "m")
    again.load(tmp_path / "states", "m")
    assert [answer["score"] is None for answer in again.step(["a"] * 10, given[10:])] == [True] * 6 + [False] * 4


@pytest.mark.parametrize("burst", [1, 100])
@pytest.mark.parametrize("first", [0, 5])
def test_one_wrong_stamp_does_not_end_a_stream(first: int, burst: int, tmp_path: Path) -> None:
    task, data = shaken(scaling="series"), hourly(40)[["time", "load"]]
    data.loc[first, "time"] = np.datetime64("2073-01-01")
    given, streams = np.stack(rows(task, data)), Streams(task.stepper())
    found: list[dict[str, Any]] = []
    for start in range(0, 40, burst):
        found += streams.step([""] * len(given[start : start + burst]), given[start : start + burst])
        streams.save(tmp_path / "states", "m")  # the doubt is part of the state
        streams = Streams(task.stepper())
        streams.load(tmp_path / "states", "m")
    assert [place for place, answer in enumerate(found) if "refused" in answer] == [first + 1, first + 2]
    alone = Streams(task.stepper()).step([""] * (37 - first), given[first + 3 :])
    for left, right in zip(found[first + 3 :], alone, strict=True):
        assert left == pytest.approx(right, abs=1e-4)


def test_rows_that_are_merely_late_do_not_begin_a_stream_anew() -> None:
    task = shaken(scaling="series")
    late = [*range(20), *range(5, 12), 20, 21]
    assert ["refused" in answer for answer in gone(task, late)[1]] == [False] * 20 + [True] * 7 + [False] * 2
    between = [*range(30), 1, 30, 2, 31, 3, 32, 4, 33]  # each followed by one that is right
    assert sum("refused" in answer for answer in gone(task, between)[1]) == 4


def test_gaps_of_different_length_in_one_burst() -> None:
    task, data = shaken(scaling="series", interpolation="previous"), hourly(40)[["time", "load"]]
    given = np.stack(rows(task, data))
    gaps = {"a": 3, "b": 0, "c": 9, "d": 3, "e": 1}
    together, alone = Streams(task.stepper()), Streams(task.stepper())
    for start in (0, 20):
        for step in range(20):
            places = [max(start, start and start + gap) + step for gap in gaps.values()]
            kept = [(key, min(place, 39)) for key, place in zip(gaps, places, strict=True) if place < 40]
            left = together.step([key for key, _ in kept], given[[place for _, place in kept]])
            for (key, place), one in zip(kept, left, strict=True):
                (other,) = alone.step([key], given[place : place + 1])
                assert one == pytest.approx(other, abs=1e-4)
    assert all(len(leaf) >= 5 for leaf in trees.leaves(together._state))


def test_a_first_row_that_is_late_counts_as_a_step_of_training() -> None:
    task = shaken(scaling="series")
    kept = Forecaster.from_metadata(task.options, task.metadata())
    assert task.trained == kept.trained == int(np.datetime64("2024-01-01", "ns").astype(np.int64))
    stepper = task.stepper()
    texts = ["2024-02-01 00:14", "2024-02-01 01:00", "2024-02-01 01:40", "2024-02-01 03:20"]
    found = Streams(stepper).step([""] * 4, np.stack([stepper.read([text, "10"]) for text in texts]))
    assert not [answer for answer in found if "refused" in answer]
    assert (
        "one row at each step"
        in Streams(stepper).step([""] * 2, np.stack([stepper.read([texts[1], "1"])] * 2))[1]["refused"]
    )

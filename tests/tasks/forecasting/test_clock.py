"""Stamps of rows that come one by one."""

from __future__ import annotations

import numpy as np
import pytest

from unspool.errors import DataError
from unspool.tasks.forecasting.clock import SURE, Clock, Doubt, Stamp


def of(step: str, *cycles: str) -> Clock:
    return Clock("time", step, cycles)


def nanoseconds(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.mark.parametrize(
    ("cell", "time", "offset"),
    [
        ("2024-05-01 06:00", "2024-05-01T06:00", 0),
        ("2024-05-01T06:00:00.123456789", "2024-05-01T06:00:00.123456789", 0),
        ("2024-05-01T06:00+02:00", "2024-05-01T04:00", 2),
        ("2024-05-01T06:00Z", "2024-05-01T06:00", 0),
        ("1577836800", "2020-01-01", 0),
        ("20200131", "2020-01-31", 0),
    ],
)
def test_cells_are_read_as_in_a_table(cell: str, time: str, offset: int) -> None:
    assert of("1 hour").read(cell) == Stamp(nanoseconds(time), offset * 3600 * 10**9)


def test_times_that_are_numbers() -> None:
    clock = of("0.5")
    assert clock.read("7.25") == Stamp(7.25)
    assert clock.steps(1.0, 1.5) == 1 and clock.steps(1.0, 1.0) == 0 and clock.steps(1.0, 3.1) == 4
    with pytest.raises(DataError, match="the time of a row must be a number, got '2024-01-01'"):
        clock.read("2024-01-01")
    assert "one of 1 came after that of 1.5" in clock.refusal(1.5, Stamp(1.0))


@pytest.mark.parametrize("step", ["1 hour", "0.5"])
def test_packing_loses_nothing(step: str) -> None:
    source, clock = np.random.default_rng(0), of(step)
    if clock.dated:
        times = [*source.integers(-(2**62), 2**62, 100).tolist(), 0, -1, nanoseconds("1700-01-01"), 2**63 - 1]
    else:
        times = [*(source.normal(size=100) * 1e9).tolist(), 0.1, -1e-300, 1e300]
    packed = clock.pack(times)
    assert packed.dtype == np.float32 and np.isfinite(packed).all() and clock.unpack(packed) == times


def test_months_follow_the_calendar() -> None:
    clock = of("1 month")
    mark = nanoseconds("2024-01-31")
    for text, steps in (("2024-02-29", 1), ("2024-03-31", 2), ("2025-01-31", 12), ("2024-01-31", 0)):
        assert clock.steps(mark, nanoseconds(text)) == steps
        assert clock.moved(mark, steps, nanoseconds(text)) == nanoseconds(text)


def test_the_calendar_of_a_gap_goes_on_from_the_mark() -> None:
    clock = of("1 hour", "day")
    found = clock.between(nanoseconds("2024-05-01T03:00"), 3, 2 * 3600 * 10**9)
    for hours, row in zip((6, 7, 8), found, strict=True):
        angle = 2 * np.pi * hours / 24
        np.testing.assert_allclose(row, [np.sin(angle), np.cos(angle)], atol=1e-6)


def test_a_second_row_of_a_step_is_told_as_such() -> None:
    clock = of("1 hour")
    mark, later, earlier = (nanoseconds(f"2024-05-01T{text}") for text in ("03:00", "03:20", "01:00"))
    assert clock.refusal(mark, Stamp(later)) == (
        "a stream has one row at each step of 1 hour, but one of 2024-05-01 03:20:00 came in the step of "
        "2024-05-01 03:00:00, which has its row; keep one a step"
    )
    assert "must rise in time" in clock.refusal(mark, Stamp(earlier))


def test_numbers_too_far_apart_to_count() -> None:
    assert of("0.5").steps(-1e308, 1e308) > 2**50 and of("0.5").steps(1e308, -1e308) < 0


def test_doubt_begins_far_back_and_grows_with_rows_that_rise() -> None:
    clock = of("1.0")
    first = clock.doubted(SURE, 100.0, 40.0, 10)
    assert first == Doubt(40.0, 1)
    assert clock.doubted(SURE, 100.0, 90.0, 10) == SURE and clock.doubted(SURE, 100.0, 89.0, 10) == Doubt(89.0, 1)
    assert clock.doubted(first, 100.0, 51.0, 10) == Doubt(51.0, 2)
    assert clock.doubted(first, 100.0, 52.0, 10) == Doubt(52.0, 1)  # too far from the first to follow it
    assert clock.doubted(first, 100.0, 40.0, 10) == first and clock.doubted(first, 100.0, 95.0, 10) == SURE
    doubts = [SURE, first, Doubt(-1e300, 2)]
    assert clock.unpack_doubts(clock.pack_doubts(doubts)) == doubts


@pytest.mark.parametrize(("minute", "counted"), [(0, 0), (14, 0), (15, 0), (16, 16), (44, 44), (45, 60), (59, 60)])
def test_the_first_row_counts_as_a_step_of_training_if_it_is_near(minute: int, counted: int) -> None:
    hour, trained = nanoseconds("2024-05-01T03:00"), nanoseconds("2024-06-01T00:00")
    length = 60 * 10**9
    assert Clock("time", "1 hour", (), trained).first(hour + minute * length) == hour + counted * length
    assert of("1 hour").first(hour + minute * length) == hour + minute * length
    assert Clock("time", "60.0", (), 30.0).first(90.0 + minute) == 90 + counted
    assert Clock("time", "1 month", (), trained).first(hour + minute * length) == hour + minute * length

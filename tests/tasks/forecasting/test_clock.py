"""Stamps of rows that come one by one."""

from __future__ import annotations

import numpy as np
import pytest

from unspool.errors import DataError
from unspool.tasks.forecasting.clock import Clock, Stamp


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

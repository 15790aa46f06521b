"""Series that are read from anything."""

from __future__ import annotations

from typing import Any

from unspool.data.timeseries import TimeSeries, read_series


def only(data: Any, *arguments: Any, **named: Any) -> TimeSeries:
    """The one series of some data."""
    (series,) = read_series(data, *arguments, **named)
    return series

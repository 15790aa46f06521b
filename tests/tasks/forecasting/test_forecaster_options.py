"""Every option of the forecaster's own does something: to what is read, to the network, or to what is told."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pandas as pd
import pytest

from tests.tasks.forecasting.made import forecaster, hourly
from unspool.errors import SpecError
from unspool.tasks.forecasting.options import ForecasterOptions
from unspool.training.options import TrainingOptions

CASES: dict[str, Any] = {
    "time": "clock",
    "target": "load,hint",
    "known": "hint",
    "covariates": "other",
    "key": "place",
    "before": "2024-01-08",
    "horizon": 5,
    "context": 17,
    "season": 12,
    "step": "2h",
    "interpolation": "previous",
    "max_gap": "2h",
    "distribution": "student",
    "scaling": "series",
    "interval": 0.5,
}


def table() -> pd.DataFrame:
    """Two series with a gap, and a second clock that runs half as fast."""
    data = hourly()
    slow = data.time.iloc[0] + (data.time - data.time.iloc[0]) / 2
    data = data.assign(clock=slow, place=0).drop(index=range(30, 36))
    return pd.concat(
        [data, data.assign(place=1, time=data.time + pd.Timedelta("30D"), clock=slow + pd.Timedelta("9D"))]
    )


def outcome(**options: Any) -> str:
    """All that is read, built and measured, as text."""
    task = forecaster(table(), **{"target": "load", **options})
    assert task.parts is not None
    training, held = (task.gather(*pair) for pair in (
        (task.parts.training, task.parts.origins), (task.parts.held.panel, task.parts.held.origins)
    ))  # fmt: skip
    read = [float(part.abs().sum()) for part in (training.past, training.target, held.past, held.target)]
    return json.dumps([task.metrics(), task.metadata(), read, training.past.shape], sort_keys=True)


def test_each_has_a_case() -> None:
    own = {field.name for field in fields(ForecasterOptions)} - {field.name for field in fields(TrainingOptions)}
    assert own == CASES.keys() | {"zone"}


def test_a_zone_says_what_the_clocks_show() -> None:
    data = hourly()[["time", "load"]].assign(time=lambda table: table.time.astype(str) + "+01:00")
    there, here = forecaster(data, zone="Asia/Tokyo"), forecaster(data)
    assert there.answers(data)[0]["time"][0] == "2024-01-09 16:00:00+09:00"
    assert here.answers(data)[0]["time"][0] == "2024-01-09 08:00:00+01:00"
    assert there.parts is not None and here.parts is not None
    assert abs(there.parts.training.known - here.parts.training.known).max() > 0.1
    with pytest.raises(SpecError, match="Europe/Berlin"):
        forecaster(data, zone="Nowhere")
    assert forecaster(zone="Asia/Tokyo").answers(data)[0]["time"][0] == "2024-01-09 16:00:00+09:00"
    mixed = data.copy()
    mixed.loc[100:, "time"] = hourly(201).time[101:].astype(str).to_numpy() + "+02:00"  # clocks are put on
    assert "--zone" in forecaster(mixed).describe()["zone"]
    assert "zone" not in forecaster(mixed, zone="Europe/Berlin").describe()


@pytest.mark.parametrize("name", CASES)
def test_each_does_something(name: str) -> None:
    assert outcome(**{name: CASES[name]}) != outcome()


def test_the_same_options_do_the_same() -> None:
    assert outcome() == outcome()

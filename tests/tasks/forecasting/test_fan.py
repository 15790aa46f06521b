from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unspool.errors import MissingExtra
from unspool.tasks.forecasting.fan import LEAST, PANELS, PAST, Fan, coverage_figure, forecast_figure

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
HOURS = np.datetime64("2026-03-01T00", "ns") + np.arange(400) * np.timedelta64(1, "h")


def made(horizon: int = 12, past: int = 300) -> Fan:
    spread = np.sqrt(np.arange(1, horizon + 1))[:, None] * np.linspace(-2, 2, 7)
    truth = np.sin(np.arange(horizon) / 3)
    return Fan(HOURS[:past], np.zeros(past), HOURS[past : past + horizon], spread, LEVELS, truth, "temperature")


def labels(axes: object) -> list[str]:
    return list(axes.get_legend_handles_labels()[1])  # type: ignore[attr-defined]


def test_a_forecast_shows_history_fan_and_truth(tmp_path: Path) -> None:
    figure = forecast_figure([made()])
    (axes,) = figure.axes
    assert labels(axes) == ["90 %", "80 %", "50 %", "median", "history", "truth"]
    assert axes.get_title("left") == "temperature"
    median, history, truth, _ = axes.lines
    assert len(history.get_xdata()) == PAST * 12
    assert len(median.get_xdata()) == len(truth.get_xdata()) == 13  # they start at the last value seen
    np.testing.assert_allclose(truth.get_ydata(), [0, *np.sin(np.arange(12) / 3)])
    low, high = axes.get_ylim()
    assert low < -2 * np.sqrt(12) and high > 2 * np.sqrt(12)  # the widest band fits
    figure.savefig(tmp_path / "forecast.png")


def test_bands_are_drawn_from_the_widest_to_the_narrowest() -> None:
    axes = forecast_figure([made()]).axes[0]
    heights = [np.ptp(band.get_paths()[0].vertices[:, 1]) for band in axes.collections]
    assert len(heights) == 3 and heights[0] > heights[1] > heights[2]
    colours = [band.get_facecolor()[0][0] for band in axes.collections]
    assert colours[0] > colours[1] > colours[2]  # and from the lightest to the darkest


def test_steps_in_the_place_of_dates_and_no_truth() -> None:
    fan = replace(made(), past_times=np.arange(300.0), times=np.arange(300.0, 312.0), truth=None)
    assert "truth" not in labels(forecast_figure([fan]).axes[0])


def test_the_legend_names_what_any_panel_shows() -> None:
    figure = forecast_figure([replace(made(), truth=None), made()])
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "truth"


def test_a_horizon_of_one_step_and_gaps_can_be_drawn(tmp_path: Path) -> None:
    fan = made(horizon=1)
    fan.past[10:20] = np.nan
    fan.past[-1] = np.nan
    figure = forecast_figure([fan, replace(fan, truth=np.array([np.nan]))])
    assert len(figure.axes[0].lines[1].get_xdata()) == LEAST
    figure.savefig(tmp_path / "forecast.png")


def test_only_so_many_panels_are_drawn() -> None:
    assert len(forecast_figure([made()] * 9).axes) == PANELS


def test_a_picture_of_some_says_of_how_many() -> None:
    assert forecast_figure([made()] * 9).get_supxlabel() == "the first 6 of 9 forecasts"
    assert forecast_figure([made()] * 6).get_supxlabel() == ""


def test_values_that_stand_alone_are_dots() -> None:
    fan = made()
    fan.past[-30:] = np.nan
    fan.past[[-20, -1]] = 1.0
    fan.past[-10:-7] = 2.0
    dots = [line for line in forecast_figure([fan]).axes[0].lines if line.get_marker() == "."]
    assert [line.get_ydata().tolist() for line in dots] == [[1, 1]]
    assert not [line for line in forecast_figure([made()]).axes[0].lines if line.get_marker() == "."]


def test_coverage_is_measured(tmp_path: Path) -> None:
    """Half of the truths lie at the median, half beyond all quantiles."""
    truth = np.zeros((4, 3))
    truth[2:] = 99
    truth[3, 1] = np.nan
    quantiles = np.broadcast_to(np.linspace(-3, 3, 7), (4, 3, 7))
    figure = coverage_figure(truth, quantiles, LEVELS)
    left, right = figure.axes
    np.testing.assert_allclose(left.lines[1].get_ydata(), [0, 0, 0, *[6 / 11] * 4])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [1 / 2, 2 / 3, 1 / 2])
    assert labels(right) == [f"{share} %: 54.5 % measured" for share in (90, 80, 50)]
    figure.savefig(tmp_path / "coverage.png")


def test_a_step_without_truth_is_left_open() -> None:
    truth = np.zeros((2, 3))
    truth[:, 1] = np.nan
    right = coverage_figure(truth, np.broadcast_to(np.linspace(-3, 3, 7), (2, 3, 7)), LEVELS).axes[1]
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [1, np.nan, 1])


def test_without_matplotlib_the_sentence_holds_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["matplotlib", *(name for name in sys.modules if name.startswith("matplotlib."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"pip install 'unspool\[pictures\]'"):
        forecast_figure([made()])
    with pytest.raises(MissingExtra, match=r"pip install 'unspool\[pictures\]'"):
        coverage_figure(np.zeros((1, 1)), np.zeros((1, 1, 7)), LEVELS)

"""A forecaster row by row: after each row the next step, and how much the row surprised the forecast before it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.calendar import calendar
from unspool.data.frames import require_pandas
from unspool.data.stamps import parse_stamps
from unspool.data.steps import following, parse_step
from unspool.engine.stepping import step_stack
from unspool.errors import DataError, SpecError
from unspool.nets.forecast import Forecast
from unspool.tasks.forecast_outlook import ends, outlook

if TYPE_CHECKING:
    from unspool.tasks.forecaster import Forecaster


PLAIN: Final = re.compile(r"\d{4}-[01]\d-[0-3]\d([ T][0-2]\d:[0-5]\d(:[0-5]\d(\.\d+)?)?)?")  # a stamp without a zone


class ForecastState(NamedTuple):
    """Where one stream is; B in dimension 0 of every leaf."""

    encoder: Any
    values: Tensor  # [B, L * C], the last values as the network sees them, the latest at the end
    begun: Tensor  # [B, 1], whether there was a row at all
    raw: Tensor  # [B, C * S], the forecast of the next row
    location: Tensor  # [B, C]
    scale: Tensor  # [B, C]


class Walk:
    """A forecaster with the scaling of its training data, walked over series step by step, B at a time.

    A missing value is held at the last one; before the first there is the training mean.
    """

    def __init__(self, task: Forecaster) -> None:
        self.task, self.net, self.head = task, task.model, task.head
        self.size = self.net.targets
        location, scale = task.measure.scaling.of(np.zeros((1, 1, self.size)))
        self.location, self.scale = np.array(location), np.array(scale)  # [1, C]
        task.model.eval()

    def initial(self, streams: int) -> ForecastState:
        """Return the state of streams that have not begun."""
        blank = self.net.output.weight.new_zeros
        return ForecastState(
            self.net.encoder.init_state(streams),
            blank(streams, self.net.context * self.size),
            blank(streams, 1),
            blank(streams, self.net.output.out_features),
            blank(streams, self.size),
            torch.ones_like(blank(streams, self.size)),
        )

    @torch.inference_mode()
    def advance(
        self, x: Tensor, ahead: Tensor, state: ForecastState
    ) -> tuple[Forecast, NDArray[np.float64], ForecastState]:
        """Read rows x [B, I], as in `Windows.past`; ahead [B, K] is known of those that follow.

        Returns the forecast of what follows, how much each value of x surprised the forecast before it, in nats [B, C]
        (NaN where there is none), and the next state.
        """
        count, begun = len(x), state.begun > 0
        missing = x[:, self.size : 2 * self.size] > 0
        unit = torch.from_numpy(self.scale).to(x).expand(count, -1) if self.head.discrete else None
        target = x[:, : self.size] if unit is None else (x[:, : self.size] * unit).round()
        nats = self.head.surprise(state.raw.view(count, self.size, -1), target, state.location, state.scale)
        scores = torch.where(missing | ~begun, torch.nan, nats).double().cpu().numpy()

        values = state.values.view(count, -1, self.size)  # [B, L, C]
        held = torch.where(missing & begun, values[:, -1], x[:, : self.size])
        _, encoder = step_stack(self.net.encoder, torch.cat([held, x[:, self.size :]], 1), state.encoder)
        rolled = torch.cat([values[:, 1:], held.unsqueeze(1)], 1)
        rolled = torch.where(begun.unsqueeze(2), rolled, held.unsqueeze(1))
        found = self.net.decode(rolled, encoder, ahead.unsqueeze(0), unit)
        last = (found.raw[0].reshape(count, -1), found.location[0], found.scale[0])
        return found, scores, ForecastState(encoder, rolled.reshape(count, -1), torch.ones_like(state.begun), *last)


class ForecastStepper:
    """Many streams at once, one step ahead. Rows come at the step of the training data.

    The input of a row is that of `Walk.advance`: the row as the network reads it, and the calendar of the next one.
    """

    def __init__(self, task: Forecaster) -> None:
        layout = task.layout
        if task.options.scaling != "series":
            raise SpecError(
                "a forecaster that scales each window by itself cannot answer a stream; train it with --scaling series"
            )
        if layout.known:
            raise SpecError(
                f"a stream cannot be answered before {', '.join(layout.known)} of the next row are known; "
                "train without --known"
            )
        if layout.cycles and task.time_column is None:
            raise SpecError("a stream needs the column of its stamps; train with --time COLUMN")
        self.task, self.walk = task, Walk(task)
        self.timed = bool(layout.cycles)  # whether the calendar is an input
        stamps = (str(task.time_column),) if self.timed else ()
        self.columns: Sequence[str] | None = (*stamps, *layout.targets, *layout.past)
        self.step_ahead = parse_step(layout.step, np.zeros(1, "M8[ns]")) if self.timed else None

    def read(self, cells: Sequence[str]) -> NDArray[np.float32]:
        """Return the input of one row; an empty cell is a missing value."""
        assert self.columns is not None
        if len(cells) != len(self.columns):
            raise DataError(f"a row must have {', '.join(self.columns)}, got {len(cells)} cells; mend it")
        try:
            numbers = np.array([float(cell) if cell.strip() else math.nan for cell in cells[self.timed :]])
        except ValueError as error:
            raise DataError(f"a row must hold numbers, or nothing where one is missing: {error}; mend it") from error
        if np.isinf(numbers).any():
            raise DataError(f"values must be finite, got {','.join(cells)[:60]!r}; mend it")
        layout, size = self.task.layout, self.walk.size
        scaled = (numbers[:size] - self.walk.location[0]) / self.walk.scale[0]
        past = (numbers[size:] - np.array(layout.mean)) / np.array(layout.deviation)
        now, ahead = self._clock(cells[0])
        parts = [np.nan_to_num(scaled), np.isnan(scaled), now, np.nan_to_num(past), ahead]
        return np.concatenate(parts).astype(np.float32)

    def _clock(self, cell: str) -> NDArray[np.float32]:
        """The calendar of a row and of the next, [2, K]."""
        if self.step_ahead is None:
            return np.zeros((2, 0), np.float32)
        zone = None
        if PLAIN.fullmatch(cell):  # a hundred times as fast
            now: Any = np.array([cell.replace(" ", "T")], "M8[ns]")
        else:
            now, zone = parse_stamps(require_pandas().Series([cell], name=self.task.time_column), "the stream")
        return calendar(np.concatenate([now, following(now, self.step_ahead, 1)]), self.task.layout.cycles, zone)

    def initial(self, streams: int) -> ForecastState:
        """Return the state of streams that have not begun."""
        return self.walk.initial(streams)

    def step(self, inputs: NDArray[np.float32], state: ForecastState) -> tuple[list[dict[str, Any]], ForecastState]:
        """Return mean and interval of the row after each, and the surprise at each (`score`), with the next state."""
        x = torch.from_numpy(inputs).to(self.task.device)
        split = x.shape[1] - self.task.layout.known_size
        found, nats, state = self.walk.advance(x[:, :split], x[:, split:], state)
        names, (low, high) = self.task.layout.targets, ends(self.task.options.interval)
        told = outlook(self.task.head, found, self.walk.location, self.walk.scale, [low, 0.5, high])
        told = told.widened(self.task.widening, self.task.head.discrete)
        numbers = {"mean": told.mean[:, 0], "lower": told.at(low)[:, 0], "upper": told.at(high)[:, 0]}  # [B, C]
        rows: list[dict[str, Any]] = []
        for row, scores in enumerate(nats):
            answer: dict[str, Any] = {
                name: value[row, 0].item() if len(names) == 1 else dict(zip(names, value[row].tolist(), strict=True))
                for name, value in numbers.items()
            }
            known = scores[~np.isnan(scores)]
            rows.append({**answer, "score": float(known.max()) if known.size else None})
        return rows, state

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return the forecast of the next row, its interval, and the surprise at this one."""

        def text(value: Any) -> str:
            return ",".join(f"{one:.6g}" for one in (value.values() if isinstance(value, dict) else [value]))

        score = "" if answer["score"] is None else f"{answer['score']:.4f}"
        return "\t".join([*(text(answer[name]) for name in ("mean", "lower", "upper")), score])

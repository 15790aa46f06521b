"""A forecaster row by row: after each row the next step, and how much the row surprised the forecast before it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.cells import state as trees
from unspool.engine.stepping import step_stack
from unspool.errors import DataError, SpecError
from unspool.nets.forecast import Forecast
from unspool.tasks.forecasting.clock import CONFIRMED, PARTS, SURE, Clock, Stamp
from unspool.tasks.forecasting.outlook import ends, outlook
from unspool.tasks.streaming import rounds_of

if TYPE_CHECKING:
    from unspool.tasks.forecasting.forecaster import Forecaster


FARTHEST: Final = {False: 1e18, True: 1e6}  # deviations from the mean; whether counts: quantiles of more take for ever
SECOND: Final = 10**9  # nanoseconds


class ForecastState(NamedTuple):
    """Where one stream is; B in dimension 0 of every leaf."""

    encoder: Any
    values: Tensor  # [B, L * C], the last values as the network sees them, the latest at the end
    begun: Tensor  # [B, 1], whether there was a row at all
    seen: Tensor  # [B, C], steps since each had its first value, this one too, L at most
    raw: Tensor  # [B, C * S], the forecast of the next row
    location: Tensor  # [B, C]
    scale: Tensor  # [B, C]


class Walk:
    """A forecaster with the scaling of its training data, walked over series step by step, B at a time.

    A missing value is held at the last one; before the first there is the training mean. Where the context is not yet
    full, its first value is repeated: a forecast of that is no measure of surprise.
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
            blank(streams, self.size),
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
        (NaN where there is none: see `surprise`), and the next state.
        """
        nats = self.surprise(x, state)
        found, state = self.look(ahead, self.take(x, state))
        return found, nats, state

    def take(self, x: Tensor, state: ForecastState) -> ForecastState:
        """Return the states after rows x [B, I], which still hold the forecasts before them."""
        begun, missing = state.begun > 0, x[:, self.size : 2 * self.size] > 0
        values = state.values.view(len(x), -1, self.size)  # [B, L, C]
        held = torch.where(missing & begun, values[:, -1], x[:, : self.size])
        _, encoder = step_stack(self.net.encoder, torch.cat([held, x[:, self.size :]], 1), state.encoder)
        rolled = torch.cat([values[:, 1:], held.unsqueeze(1)], 1)
        rolled = torch.where(begun.unsqueeze(2), rolled, held.unsqueeze(1))
        more = (state.seen + 1).clamp(max=self.net.context)
        seen = torch.where(missing & (state.seen == 0), state.seen, more)
        return state._replace(encoder=encoder, values=rolled.flatten(1), begun=torch.ones_like(state.begun), seen=seen)

    def look(self, ahead: Tensor, state: ForecastState) -> tuple[Forecast, ForecastState]:
        """Return the forecast of the next row, of which ahead [B, K] is known, and the states that hold it."""
        values = state.values.view(len(ahead), -1, self.size)
        found = self.net.decode(values, state.encoder, ahead.unsqueeze(0), self._unit(ahead))
        raw, location, scale = (part[0] for part in found)
        return found, state._replace(raw=raw.flatten(1), location=location, scale=scale)

    def surprise(self, x: Tensor, state: ForecastState) -> NDArray[np.float64]:
        """Return how much each value of x surprised the forecast that a state holds, in nats [B, C].

        NaN where the value is missing, or the forecast had no whole context of values, measured or held.
        """
        unit = self._unit(x)
        target = x[:, : self.size] if unit is None else (x[:, : self.size] * unit).round()
        nats = self.head.surprise(state.raw.view(len(x), self.size, -1), target, state.location, state.scale)
        unknown = (x[:, self.size : 2 * self.size] > 0) | (state.seen < self.net.context)
        numbers: NDArray[np.float64] = torch.where(unknown, torch.nan, nats).double().cpu().numpy()
        return numbers

    def _unit(self, like: Tensor) -> Tensor | None:
        """The size of 1 on the scaled axis [B, C], for counts."""
        return torch.from_numpy(self.scale).to(like).expand(len(like), -1) if self.head.discrete else None


class StreamState(NamedTuple):
    """Where one stream of rows is; B in dimension 0 of every leaf."""

    walk: ForecastState
    past: Tensor  # [B, P], the last covariates that were measured, scaled
    mark: Tensor  # [B, PARTS], the step that the last row counts as; see `Clock`
    doubt: Tensor  # [B, PARTS + 1], what speaks against it: time and rows of a `Doubt`


class Course(NamedTuple):
    """What becomes of N rows, each after those of its stream before it."""

    gaps: NDArray[np.int64]  # [N], steps without a row before it
    anew: NDArray[np.bool_]  # [N], whether its stream begins with it
    calendars: dict[int, NDArray[np.float32]]  # of a row's gap, [gap, K]
    held: dict[int, NDArray[np.float32]]  # the covariates in a row's gap, [P]
    refused: dict[int, str]  # why a row cannot follow


class ForecastStepper:
    """Many streams at once, one step ahead.

    The input of a row is that of `Walk.advance`, the row as the network reads it, and the calendar of the next one;
    then its stamp, where the training data had stamps. Steps without a row are read as missing values; after more of
    them than the network looks back on, a stream begins anew. A row that is not later than that before is refused.
    After several that say that its stamp was wrong a stream begins anew as well: see `Clock.doubted`.
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
        column = task.time_column
        self.clock = None if column is None else Clock(column, layout.step, layout.cycles, task.trained)
        self.columns: Sequence[str] | None = (*([] if column is None else [column]), *layout.targets, *layout.past)

    def read(self, cells: Sequence[str]) -> NDArray[np.float32]:
        """Return the input of one row; an empty cell is a missing value."""
        assert self.columns is not None
        if len(cells) != len(self.columns):
            raise DataError(f"a row must have {', '.join(self.columns)}, got {len(cells)} cells; mend it")
        stamps = 0 if self.clock is None else 1
        try:
            numbers = np.array([float(cell) if cell.strip() else math.nan for cell in cells[stamps:]])
        except ValueError as error:
            raise DataError(f"a row must hold numbers, or nothing where one is missing: {error}; mend it") from error
        layout, size = self.task.layout, self.walk.size
        scaled = (numbers[:size] - self.walk.location[0]) / self.walk.scale[0]
        past = (numbers[size:] - np.array(layout.mean)) / np.array(layout.deviation)
        shown, far = ",".join(cells)[:60], FARTHEST[self.walk.head.discrete]  # what is computed must not overflow
        if np.isinf(numbers).any() or (np.abs(np.concatenate([scaled, past])) > far).any():
            raise DataError(
                f"values must be finite and within {far:g} deviations of those of training, got {shown!r}; mend it"
            )
        counts = numbers[:size][~np.isnan(numbers[:size])]
        if self.walk.head.discrete and ((counts < 0) | (counts != np.floor(counts))).any():
            raise DataError(f"this model forecasts counts, 0, 1, 2, ..., got {shown!r}; mend it")
        parts = [np.nan_to_num(scaled), np.isnan(scaled)]
        if self.clock is None:
            parts.append(past)
        else:
            stamp = self.clock.read(cells[0])
            now, ahead = self.clock.calendar(stamp)
            parts += [now, past, ahead, self.clock.pack([stamp.time])[0], [stamp.offset / SECOND]]
        return np.concatenate(parts).astype(np.float32)

    def initial(self, streams: int) -> StreamState:
        """Return the state of streams that have not begun."""
        walk = self.walk.initial(streams)
        blank = walk.begun.new_zeros
        past = blank(streams, len(self.task.layout.past))
        return StreamState(walk, past, blank(streams, PARTS), blank(streams, PARTS + 1))

    def step(self, inputs: NDArray[np.float32], state: StreamState) -> tuple[list[dict[str, Any]], StreamState]:
        """Return mean and interval of the row after each, and the surprise at each (`score`), with the next state."""
        return self.burst(inputs, range(len(inputs)), state)

    @torch.inference_mode()
    def burst(
        self, inputs: NDArray[np.float32], streams: Sequence[int], state: StreamState
    ) -> tuple[list[dict[str, Any]], StreamState]:
        """Return the answers to inputs [N, I], row n of the stream streams[n] of B, and the next state of all B.

        Row by row only what is carried is worked out; forecasts and their quantiles are for all rows at once.
        """
        inputs = inputs.copy()
        course, *carried = self._course(inputs, streams, state)
        rows = [row for row in range(len(streams)) if row not in course.refused]
        answers: list[dict[str, Any]] = [{"refused": course.refused.get(row)} for row in range(len(streams))]
        if rows:
            walked, told = self._walked(inputs, rows, streams, course, state.walk)
            for row, answer in zip(rows, told, strict=True):
                answers[row] = answer
        else:
            walked = state.walk
        device = self.task.device
        return answers, StreamState(walked, *(torch.from_numpy(one).to(device) for one in carried))

    def _course(
        self, inputs: NDArray[np.float32], streams: Sequence[int], state: StreamState
    ) -> tuple[Course, NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Follow stamps and covariates, and fill in the inputs what is missing of these.

        Returns past, mark and doubt after all rows beside.
        """
        count, clock = len(streams), self.clock
        course = Course(np.zeros(count, np.int64), np.zeros(count, np.bool_), {}, {}, {})
        begun = (state.walk.begun[:, 0] > 0).tolist()
        past = state.past.cpu().numpy().copy()
        stamps = [] if clock is None else clock.unpack(inputs[:, -1 - PARTS : -1])
        marks = [] if clock is None else clock.unpack(state.mark.cpu().numpy())
        doubts = [] if clock is None else clock.unpack_doubts(state.doubt.cpu().numpy())
        first = 2 * self.walk.size + 2 * len(self.task.layout.cycles)
        own = slice(first, first + past.shape[1])
        for row, place in enumerate(streams):
            if clock is not None:
                now, mark = Stamp(stamps[row], int(inputs[row, -1]) * SECOND), marks[place]
                steps = clock.steps(mark, now.time) if begun[place] else 1
                if steps < 1:
                    doubts[place] = clock.doubted(doubts[place], mark, now.time, self.walk.net.context)
                    if doubts[place].rows < CONFIRMED:
                        course.refused[row] = clock.refusal(mark, now)
                        continue
                doubts[place] = SURE
                course.anew[row] = begun[place] and not 0 <= steps - 1 <= self.walk.net.context
                if not begun[place] or course.anew[row]:
                    past[place], marks[place] = 0, clock.first(now.time)
                else:
                    marks[place] = clock.moved(mark, steps, now.time)
                    course.gaps[row] = steps - 1
                if course.gaps[row]:
                    course.calendars[row] = clock.between(mark, steps - 1, now.offset)
                    course.held[row] = past[place].copy()
            begun[place] = True
            inputs[row, own] = past[place] = np.where(np.isnan(inputs[row, own]), past[place], inputs[row, own])
        if clock is None:
            return course, past, state.mark.cpu().numpy(), state.doubt.cpu().numpy()
        return course, past, clock.pack(marks), clock.pack_doubts(doubts)

    def _walked(
        self,
        inputs: NDArray[np.float32],
        rows: Sequence[int],
        streams: Sequence[int],
        course: Course,
        state: ForecastState,
    ) -> tuple[ForecastState, list[dict[str, Any]]]:
        """Walk the rows, and return the states of all streams after them, and the answer to each row."""
        end = inputs.shape[1] - (0 if self.clock is None else PARTS + 1)
        x = torch.from_numpy(inputs[:, :end]).to(self.task.device)
        split = end - self.task.layout.known_size
        size, cycles = 2 * self.walk.size, self.task.layout.known_size
        states, ahead = [], []  # of what is to be forecast from, a batch a time
        last = list(range(len(state.begun)))  # where the forecast of a stream's next row lies among all
        before: dict[int, int] = {}  # of each row: where the forecast of it lies
        found: dict[int, int] = {}  # and that of the next
        total = len(last)
        part, places = state, last.copy()
        for turn in rounds_of([streams[row] for row in rows]):
            now = [rows[one] for one in turn]
            where = {place: at for at, place in enumerate(places)}
            places = [streams[row] for row in now]
            part = trees.select(part, torch.tensor([where[place] for place in places], device=x.device))
            if course.anew[now].any():
                part = trees.where(torch.from_numpy(course.anew[now]).to(x.device), self.walk.initial(len(now)), part)
            if late := [at for at, row in enumerate(now) if course.gaps[row]]:
                part = self._waited(part, [now[at] for at in late], late, course)
                states.append(trees.select(part, late))
                ahead.append(x[[now[at] for at in late], size : size + cycles])
                for at in late:
                    last[places[at]], total = total, total + 1
            before |= {row: last[place] for row, place in zip(now, places, strict=True)}
            part = self.walk.take(x[now, :split], part)
            states.append(part)
            ahead.append(x[now, split:])
            for row, place in zip(now, places, strict=True):
                found[row] = last[place] = total
                total += 1
        forecast, looked = self.walk.look(torch.cat(ahead), trees.join(states))
        everything = trees.join([state, looked])
        met = trees.select(everything, [before[row] for row in rows])
        nats = self.walk.surprise(x[rows, :split], met)
        nats[course.anew[list(rows)]] = math.nan
        taken = torch.tensor([found[row] for row in rows], device=x.device) - len(state.begun)
        answers = self._answers(Forecast(*(part.index_select(1, taken) for part in forecast)), nats)
        return trees.select(everything, last), answers

    def _waited(self, part: ForecastState, rows: Sequence[int], late: Sequence[int], course: Course) -> ForecastState:
        """The states after the steps without a row that come before `rows`, which are those at `late` in the batch."""
        size = self.walk.size
        longest = sorted(range(len(rows)), key=lambda at: -int(course.gaps[rows[at]]))
        waiting = trees.select(part, [late[at] for at in longest])
        done: list[ForecastState] = []  # the states of the longest gaps last
        for step in range(int(course.gaps[rows[longest[0]]])):
            still = [rows[at] for at in longest if course.gaps[rows[at]] > step]
            if len(still) < len(waiting.begun):
                done.append(trees.select(waiting, slice(len(still), None)))
                waiting = trees.select(waiting, slice(len(still)))
            known = [np.concatenate([course.calendars[row][step], course.held[row]]) for row in still]
            x = torch.from_numpy(np.stack(known)).to(self.task.device)
            x = torch.cat([x.new_zeros(len(x), size), x.new_ones(len(x), size), x], 1)
            waiting = self.walk.take(x, waiting)
        order = list(range(len(part.begun)))
        for place, at in enumerate(longest):
            order[late[at]] = len(order) + place
        everything: ForecastState = trees.join([part, waiting, *reversed(done)])
        return trees.select(everything, order)

    def _answers(self, found: Forecast, nats: NDArray[np.float64]) -> list[dict[str, Any]]:
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
        return rows

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return the forecast of the next row, its interval, and the surprise at this one."""

        def text(value: Any) -> str:
            return ",".join(f"{one:.6g}" for one in (value.values() if isinstance(value, dict) else [value]))

        score = "" if answer["score"] is None else f"{answer['score']:.4f}"
        return "\t".join([*(text(answer[name]) for name in ("mean", "lower", "upper")), score])

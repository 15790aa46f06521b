"""Windows over series: the steps that a forecast looks back on and those that it is about, scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.stamps import stamp_texts

Numbers = NDArray[np.float64]
FLOOR = 0.05  # of the usual deviation in a window: below, a stretch without change would be blown up


@dataclass(frozen=True, eq=False)
class Panel:
    """Series on a uniform step, one behind the other: N rows in all, of which series s has starts[s] to starts[s + 1].

    Values are filled, but NaN before the first of a series; only what is observed is a target.
    """

    keys: Sequence[str]
    zones: Sequence[str | None]
    starts: NDArray[np.int64]  # [S + 1]
    times: NDArray[Any]  # [N], datetime64[ns] or float64
    values: Numbers  # [N, C]
    observed: NDArray[np.bool_]  # [N, C]
    known: NDArray[np.float32]  # [N, K], scaled: calendar and columns known of the future too
    past: NDArray[np.float32]  # [N, P], scaled: columns known of the past only

    @property
    def series(self) -> list[slice]:
        """The rows of each series."""
        return [slice(first, end) for first, end in zip(self.starts[:-1], self.starts[1:], strict=True)]

    @cached_property
    def start(self) -> NDArray[np.int64]:
        """The first row of the series that each row belongs to, [N]."""
        return np.repeat(self.starts[:-1], np.diff(self.starts))

    def key_of(self, row: int) -> str:
        """The name of the series that a row belongs to."""
        return self.keys[self._series_of(row)]

    def zone_of(self, row: int) -> str | None:
        """The time zone of the series that a row belongs to."""
        return self.zones[self._series_of(row)]

    def texts(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the stamps of rows as people write them, all of one form, in the zone of their series."""
        # the first two steps say whether all are midnights, which a row or two do not
        all_rows = np.concatenate([rows, np.arange(min(2, len(self.times)))])
        if len(set(self.zones)) == 1:
            return stamp_texts(self.times[all_rows], self.zones[0])[: len(rows)]
        return [stamp_texts(self.times[all_rows[[place, -1]]], self.zone_of(row))[0] for place, row in enumerate(rows)]

    def drift(self, origins: NDArray[np.int64], season: int) -> Numbers:
        """Return the mean change over a season of all that was observed of each series before origins, [B, C]."""
        totals, counts = (np.zeros((len(self.values) + 1, self.values.shape[1])) for _ in range(2))
        for part in self.series:
            values = np.where(self.observed[part], self.values[part], np.nan)
            changes = np.full(values.shape, np.nan)
            changes[season:] = values[season:] - values[: max(0, len(values) - season)]
            known = np.isfinite(changes)
            totals[part.start + 1 : part.stop + 1] = np.where(known, changes, 0.0).cumsum(0)
            counts[part.start + 1 : part.stop + 1] = known.cumsum(0)
        found: Numbers = totals[origins] / counts[origins].clip(min=1)
        return found

    def _series_of(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    @cached_property
    def seen(self) -> NDArray[np.int64]:
        """The row of the last observation of each value at or before each row, [N, C]; -1 where there is none yet."""
        rows = np.where(self.observed, np.arange(len(self.values))[:, None], -1)
        for part in self.series:
            np.maximum.accumulate(rows[part], axis=0, out=rows[part])
        return rows

    def origins(self, context: int, horizon: int, later: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Return the rows at which a forecast can begin, to be compared with `horizon` rows of the same series.

        Something is observed before and after. Without `later` there is a whole context before, or else as much as
        the series has. With it [N], a forecast begins at such a row, and what lies before may be less than a context.
        """
        found = []
        for part in self.series:
            rows = part.stop - part.start
            least = 1 if later is not None else max(1, min(context, rows - horizon))
            origins = np.arange(part.start + least, part.stop - horizon + 1)
            if len(origins):
                counts = np.concatenate([[0], self.observed[part].any(1).cumsum()])  # before each row of the series
                ahead = counts[origins - part.start + horizon] > counts[origins - part.start]
                chosen = ahead & (counts[origins - part.start] > 0)
                found.append(origins[chosen if later is None else chosen & later[origins]])
        return np.concatenate(found) if found else np.zeros(0, np.int64)


class Windows(NamedTuple):
    """Forecasts side by side: what goes into the network, and what is to come out."""

    past: Tensor  # [L, B, I]: scaled values C, which of them are missing C, known K, past P
    future: Tensor  # [H, B, K]
    target: Tensor  # [H, B, C], scaled; of counts, as they are; 0 where missing
    observed: Tensor  # [H, B, C]
    location: Numbers  # [B, C]
    scale: Numbers  # [B, C]

    @property
    def size(self) -> int:
        """How many forecasts."""
        return len(self.scale)

    def rows(self, own: slice) -> Self:
        """Return some of the forecasts."""
        return self._replace(
            **{name: getattr(self, name)[:, own].contiguous() for name in ("past", "future", "target", "observed")},
            location=self.location[own],
            scale=self.scale[own],
        )

    def to(self, device: torch.device) -> Self:
        """Return the same on a device, for the network; locations and scales stay."""
        moved = {name: getattr(self, name).to(device) for name in ("past", "future", "target", "observed")}
        return self._replace(**moved)


@dataclass(frozen=True, eq=False)
class Scaling:
    """From values to the network's axis: (value - location) / scale.

    - series: mean and standard deviation of the training part.
    - window: the last value, and the mean absolute deviation of the context from its mean, at least `floor`.
    - counts are never shifted: they are divided by the training part's mean, or by 1 + the context's mean (Salinas et
      al. 2020, DeepAR, section 3.3).
    """

    kind: str
    counts: bool
    mean: Numbers  # [C]
    deviation: Numbers  # [C]
    floor: Numbers  # [C]

    @classmethod
    def fit(cls, kind: str, counts: bool, panel: Panel, context: int) -> Scaling:
        """Take mean, deviation and floor from the training part."""
        values = np.where(panel.observed, panel.values, np.nan)
        mean, deviation = np.nanmean(values, 0), np.nanstd(values, 0)
        origins = panel.origins(context, 1)
        index = origins[:: max(1, len(origins) // 1000)]
        usual = np.median(_deviation(_context(panel, index, context, mean)[0]), 0) if len(index) else deviation
        whole = np.where(deviation > 0, deviation, 1.0)
        return cls(kind, counts, mean, whole, np.where(usual > 0, FLOOR * usual, FLOOR * whole))

    def of(self, context: Numbers) -> tuple[Numbers, Numbers]:
        """Return location and scale [B, C] of contexts [B, L, C]."""
        shape = (len(context), context.shape[2])
        if self.kind == "series":
            location, scale = (0.0 * self.mean, 1 + np.abs(self.mean)) if self.counts else (self.mean, self.deviation)
            return np.broadcast_to(location, shape), np.broadcast_to(scale, shape)
        if self.counts:
            return np.zeros(shape), 1 + np.abs(context).mean(1)
        return context[:, -1], np.maximum(_deviation(context), self.floor)

    def to_dict(self) -> dict[str, Any]:
        """What a model file stores."""
        numbers = {name: getattr(self, name).tolist() for name in ("mean", "deviation", "floor")}
        return {"kind": self.kind, "counts": self.counts, **numbers}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Scaling:
        """The scaling that `to_dict` described."""
        numbers = (np.asarray(stored[name], np.float64) for name in ("mean", "deviation", "floor"))
        return cls(str(stored["kind"]), bool(stored["counts"]), *numbers)


def gather(panel: Panel, origins: NDArray[np.int64], context: int, horizon: int, scaling: Scaling) -> Windows:
    """Return the windows whose forecasts begin at the rows `origins`; nothing of those rows or later gets into `past`.

    A gap that reaches up to the origin is not interpolated, which would need what comes after: the last observation is
    held instead; with the scaling of the training data it is in every gap, as in a stream. Before a series begins, its
    first row is repeated and marked as missing.
    """
    held = scaling.kind == "series"
    values, missing, rows = _context(panel, origins, context, scaling.mean, held)  # [B, L, C], [B, L, C], [B, L]
    location, scale = scaling.of(values)
    scaled = (values - location[:, None]) / scale[:, None]
    past = np.concatenate([scaled, missing, panel.known[rows], panel.past[rows]], 2, dtype=np.float32)
    ahead = origins[:, None] + np.arange(horizon)  # [B, H]
    observed = panel.observed[ahead]
    target = panel.values[ahead]
    if not scaling.counts:
        target = (target - location[:, None]) / scale[:, None]
    return Windows(
        _time_first(past),
        _time_first(panel.known[ahead]),
        _time_first(np.where(observed, target, 0.0).astype(np.float32)),
        _time_first(observed),
        location,
        scale,
    )


def contexts(panel: Panel, origins: NDArray[np.int64], context: int, blank: Numbers) -> Numbers:
    """Return the values [B, L, C] before the origins, as `gather` takes them, in units of the data."""
    return _context(panel, origins, context, blank)[0]


def _context(
    panel: Panel, origins: NDArray[np.int64], context: int, blank: Numbers, hold: bool = False
) -> tuple[Numbers, NDArray[np.bool_], NDArray[np.int64]]:
    """Return values [B, L, C] before the origins, which are missing [B, L, C], and their rows [B, L].

    Where nothing was ever observed there is `blank` [C]. With `hold` every gap holds the value before it.
    """
    rows = origins[:, None] + np.arange(-context, 0)
    first = panel.start[origins - 1][:, None]
    before, rows = rows < first, np.maximum(rows, first)
    seen = panel.seen[rows] if hold else panel.seen[origins - 1][:, None]  # [B, L, C] or [B, 1, C]
    held = np.where(seen < 0, rows[..., None], np.minimum(rows[..., None], seen))  # [B, L, C]
    values = panel.values[held, np.arange(panel.values.shape[1])]
    values = np.where(np.isnan(values) | (hold & (seen < 0)), blank, values)
    return values, ~panel.observed[rows] | before[..., None], rows


def _deviation(values: Numbers) -> Numbers:
    """Mean absolute deviation [B, C] of values [B, L, C]."""
    deviation: Numbers = np.abs(values - values.mean(1, keepdims=True)).mean(1)
    return deviation


def _time_first(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.swapaxes(0, 1)))

"""Many forecasts of known series, as the network gives them: from a context each, or from all that came before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.cells import state as trees
from unspool.nets.forecast import Forecast
from unspool.tasks.forecasting.outlook import Outlook, joined, levels_of, outlook
from unspool.tasks.forecasting.windows import Panel, Windows

if TYPE_CHECKING:
    from unspool.tasks.forecasting.forecaster import Forecaster

READ = 256  # windows that are read at once without gradients
SIDE_BY_SIDE = 64  # series that are read at once from their beginnings


class Told(NamedTuple):
    """Forecasts in units of the data, and the loss of the values that came, a mean."""

    outlook: Outlook
    loss: float


@torch.no_grad()
def forecasts_of(task: Forecaster, panel: Panel, origins: NDArray[np.int64]) -> Told:
    """Return the forecasts that begin at the rows `origins`, as they are given to a person.

    With --scaling series the encoder reads each series from its beginning, as it does in `predict` and in a stream;
    else it reads the context of each.
    """
    found, total, items = [], 0.0, 0
    levels = levels_of(task.options.interval)
    task.model.eval()
    read = _carried if task.options.scaling == "series" else _by_context
    order = np.argsort(origins, kind="stable")
    for batch, forecast in read(task, panel, origins[order]):
        losses = task.head.loss(forecast.raw, batch.target, forecast.location, forecast.scale)
        total, items = total + float(losses[batch.observed].sum()), items + int(batch.observed.sum())
        found.append(outlook(task.head, forecast, batch.location, batch.scale, levels))
    whole, back = joined(found), np.argsort(order, kind="stable")
    return Told(Outlook(whole.levels, whole.mean[back], whole.quantiles[back]), total / max(1, items))


def _by_context(task: Forecaster, panel: Panel, origins: NDArray[np.int64]) -> Iterator[tuple[Windows, Forecast]]:
    for first in range(0, len(origins), READ):
        batch = task.gather(panel, origins[first : first + READ]).to(task.device)
        yield batch, task.forward(batch)


def _carried(task: Forecaster, panel: Panel, origins: NDArray[np.int64]) -> Iterator[tuple[Windows, Forecast]]:
    states = _states(task, panel, origins)
    for first in range(0, len(origins), READ):
        part = slice(first, first + READ)
        batch = task.gather(panel, origins[part]).to(task.device)
        values = batch.past[:, :, : task.model.targets].transpose(0, 1)  # [B, L, C]
        unit = torch.from_numpy(np.array(batch.scale)).float().to(task.device) if task.head.discrete else None
        state = trees.select(states, part)
        yield batch, task.model.decode(values, state, batch.future, unit)


def _states(task: Forecaster, panel: Panel, origins: NDArray[np.int64]) -> Any:
    """The encoder's states before rising origins, in their order; series are read side by side."""
    places = np.searchsorted(panel.starts, origins, side="right") - 1  # the series of each
    found = []
    for first in range(0, int(places.max()) + 1, SIDE_BY_SIDE):
        chosen = np.unique(places[(places >= first) & (places < first + SIDE_BY_SIDE)])
        if not len(chosen):
            continue
        mine = np.flatnonzero(np.isin(places, chosen))
        steps = origins[mine] - panel.starts[places[mine]]  # rows that are read before each
        columns = np.searchsorted(chosen, places[mine])
        past, read, state = _side_by_side(task, panel, chosen), 0, task.model.encoder.init_state(len(chosen))
        state = trees.to(state, task.device)
        for stop in np.unique(steps).tolist():
            state = task.model.encoder(past[read:stop], state).state
            read, here = stop, steps == stop
            found.append((mine[here], trees.select(state, columns[here].tolist())))
    order = np.argsort(np.concatenate([rows for rows, _ in found]))
    index = torch.from_numpy(order).to(task.device)
    parts = [trees.leaves(state) for _, state in found]
    leaves = iter([torch.cat(leaf).index_select(0, index) for leaf in zip(*parts, strict=True)])
    return trees.load(found[0][1], dict(zip(trees.save(found[0][1]), leaves, strict=True)))


def _side_by_side(task: Forecaster, panel: Panel, chosen: NDArray[np.int64]) -> Tensor:
    """What the encoder reads of some series from their first rows on, [T, S, I]; nothing behind the shorter ones."""
    parts = []
    for place in chosen.tolist():
        start, stop = int(panel.starts[place]), int(panel.starts[place + 1])
        parts.append(task.gather(panel, np.array([stop]), stop - start, 0).past[:, 0])
    return torch.nn.utils.rnn.pad_sequence(parts).to(task.device)

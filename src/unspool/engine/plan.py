"""What the native generator is told of a network: its cells, what the symbols give each of them, its output layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unspool.cells.elman import Elman
from unspool.cells.gru import GRU
from unspool.cells.lstm import LSTM
from unspool.engine.layers import Stack
from unspool.engine.recurrent import Recurrent

TABLE_BYTES = 1 << 28  # more than this a network's tables are not worth


@dataclass(frozen=True)
class PlannedLayer:
    """A cell, and where its input comes from: [embedding of the symbol, if `reached`; h of the layer below]."""

    cell: Elman | LSTM | GRU
    reached: bool
    below: int  # units; 0 for the first layer

    @property
    def name(self) -> str:
        """One of `operators.CELLS`."""
        if isinstance(self.cell, LSTM):
            return "lstm_peephole" if self.cell.peephole else "lstm"
        return f"gru_{self.cell.reset}" if isinstance(self.cell, GRU) else f"rnn_{self.cell.nonlinearity}"

    def table(self, embedding: Tensor | None) -> Tensor:
        """The symbols' share of the gates with the biases, worked out once: [V, G*H], or [1, G*H] if not reached.

        A GRU that resets after the product keeps bias_hh for itself.
        """
        cell = self.cell
        bias = cell.bias_ih.double()
        if self.name != "gru_after":
            bias = bias + cell.bias_hh.double()
        if not self.reached:
            return bias[None].float()
        weight = cell.weight_ih[:, : cell.input_size - self.below].double()  # [G*H, E]
        share = weight.t() if embedding is None else embedding.double() @ weight.t()  # [V, G*H]
        return (share + bias).float().contiguous()


@dataclass(frozen=True)
class GenerationPlan:
    """Symbols -> embedding or one-hot -> stack -> linear output. `embedding` is None for one-hot input."""

    vocabulary_size: int
    embedding: Tensor | None
    layers: tuple[PlannedLayer, ...]
    skip: bool
    weight: Tensor  # [V, units]
    bias: Tensor  # [V]

    def parameters(self) -> Iterator[Tensor]:
        """Every tensor that the scores depend on."""
        if self.embedding is not None:
            yield self.embedding
        for layer in self.layers:
            yield from layer.cell.parameters()
        yield from (self.weight, self.bias)


def generation_plan(
    embedding: nn.Module | None,
    stack: Stack,
    output: nn.Module,
    projection: nn.Linear | None = None,
    scale: float = 1.0,
) -> GenerationPlan | str:
    """The plan of a network, or why it has none.

    The input is `scale` times the embedding; `projection`, if there is one, stands between stack and output.
    """
    if not isinstance(output, nn.Linear) or type(embedding) not in (nn.Embedding, type(None)):
        return "the native generator knows nn.Embedding and nn.Linear only"
    if stack.residual:
        return "the native generator has no residual connections"
    layers: list[PlannedLayer] = []
    for index, layer in enumerate(stack):
        cell: Any = layer.cell if type(layer) is Recurrent else layer
        if type(cell) not in (Elman, LSTM, GRU):  # a subclass may have changed the step
            return f"the native generator has no {type(cell).__name__}"
        assert isinstance(layer, Recurrent)
        if cell.training and (cell.recurrent_dropout or stack.dropout or layer.weight_dropout):
            return "the native generator has no dropout; call eval()"
        layers.append(PlannedLayer(cell, index == 0 or stack.skip, layers[-1].cell.hidden_size if layers else 0))
    symbols = None if embedding is None else embedding.weight
    assert isinstance(symbols, Tensor | None)
    if symbols is not None and scale != 1.0:
        symbols = symbols.detach() * scale
    weight = output.weight if projection is None else (output.weight @ projection.weight).detach()
    plan = GenerationPlan(output.out_features, symbols, tuple(layers), stack.skip, weight, output.bias)
    return _unsuitable(plan) or plan


def _unsuitable(plan: GenerationPlan) -> str | None:
    for parameter in plan.parameters():
        if parameter.device.type != "cpu":
            return f"the native generator runs on the cpu only, not on {parameter.device.type}"
        if parameter.dtype != torch.float32:
            return f"the native generator reads float32, not {str(parameter.dtype).removeprefix('torch.')}"
    rows = sum(len(layer.cell.weight_ih) for layer in plan.layers if layer.reached)
    size = rows * plan.vocabulary_size * 4
    if size > TABLE_BYTES:
        return f"the native generator would need tables of {size >> 20} MB for so many symbols"
    return None

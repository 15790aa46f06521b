"""The past of a series in, a distribution for each step to come out: encoder, decoder, and a linear highway."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unspool.engine.dropout import dropout
from unspool.engine.layers import Stack, build_stack
from unspool.engine.unroll import rollout
from unspool.heads import Univariate
from unspool.nets.initialise import initialise


class Forecast(NamedTuple):
    """What a head needs beside a target: on the scaled axis of the series, or for counts on that of the data."""

    raw: Tensor  # [H, B, C, S]
    location: Tensor  # [H, B, C]
    scale: Tensor  # [H, B, C]


class ForecastNet(nn.Module):
    r"""An encoder over the last L steps, a decoder of the same cells over the next H, and a linear map beside them.

    .. math:: s_0 &= \mathrm{encoder}(x_1 \dots x_L) \\
        a_h &= y_L + (R_h + D_h / L)(y - y_L) \qquad\text{the highway, from the last L values to step h} \\
        r_h, s_h &= \mathrm{decoder}([m_{h-1}; k_h], s_{h-1}), \qquad m_h = \mathrm{E}[Y_h], \quad m_0 = y_L \\
        Y_h &\sim \mathrm{head}(r_h, a_h, e_h)

    r are the raw numbers of a head that is placed at the highway's forecast and measured in e_h, its usual error at
    that step, so that the recurrent layers say what the linear forecast misses, and how sure it is. R and e come from
    a ridge regression (`start`) and stay as they are; D begins at 0 and is trained with all else, so weight decay
    draws it towards the regression; divided by L, a step of the optimiser moves the forecast alike for any context.
    The output layer begins at 0 too: the untrained network is the regression.

    The highway is that of Lai et al. 2018, Modeling long- and short-term temporal patterns with deep neural networks,
    section 3.6, relative to the last value as in Zeng et al. 2023, Are transformers effective for time series
    forecasting?, section 4.2. The decoder feeds its mean back, in training too: errors are met as they come.

    Args:
        head: S raw numbers for each of C = `targets` values.
        inputs: I numbers that are known of each past step, the C values first; `known`: K numbers of each future one.
        context, horizon: L and H.
        dropout: before the output layer, one mask for all steps, and between the encoder's layers.
        The rest are the arguments of `build_stack`.
    """

    ridge: Tensor
    error: Tensor

    def __init__(
        self,
        head: Univariate,
        *,
        targets: int,
        inputs: int,
        known: int,
        context: int,
        horizon: int,
        cell: str,
        hidden_size: int,
        layers: int,
        dropout: float = 0.0,
        **stack_options: Any,
    ) -> None:
        super().__init__()
        self.head, self.targets, self.context, self.dropout = head, targets, context, dropout
        self.encoder: Stack = build_stack(cell, inputs, hidden_size, layers, dropout=dropout, **stack_options)
        self.decoder: Stack = build_stack(cell, targets + known, hidden_size, layers, **stack_options)
        self.output = nn.Linear(self.decoder.output_size, targets * head.size)
        self.highway = nn.Parameter(torch.zeros(targets, horizon, context))  # D
        self.register_buffer("ridge", torch.zeros(targets, horizon, context))  # R
        self.register_buffer("error", torch.ones(horizon, targets))  # e
        initialise(self)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def start(self, ridge: Tensor, error: Tensor) -> None:
        """Take R [C, H, L] and e [H, C] from a regression."""
        self.ridge.copy_(ridge)
        self.error.copy_(error)

    def forward(
        self, past: Tensor, future: Tensor, unit: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Forecast:
        """Return the forecast after past [T, B, I] with future [H, B, K]; fewer steps of future give fewer back.

        The encoder reads all of the past, the highway its last L steps; where T is less, the first value is repeated.
        `unit` [B, C] is the size of 1 on the scaled axis, for a head of counts, which are not scaled.
        """
        encoded = self.encoder(past, generator=generator)
        values = past[-self.context :, :, : self.targets].transpose(0, 1)  # [B, L, C]
        if short := self.context - values.shape[1]:
            values = torch.cat([values[:, :1].expand(-1, short, -1), values], 1)
        return self.decode(values, encoded.state, future, unit, generator=generator)

    def decode(
        self,
        values: Tensor,
        state: Any,
        future: Tensor,
        unit: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Forecast:
        """Return the forecast after the last values [B, L, C] and the encoder's state."""
        steps = len(future)
        location, scale = self._linear(values, steps), self.error[:steps].unsqueeze(1)
        if unit is not None:
            location, scale = location * unit, unit.expand_as(location)
        scale = scale.expand_as(location)
        kept = dropout(values.new_ones(len(values), self.output.in_features), self.dropout, self.training, generator)

        def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
            shown, after = self.decoder.step(self.decoder.project(x), state)
            return self.output(shown.h * kept).view(len(x), self.targets, -1), after

        def feed(h: int, raw: Tensor | None) -> Tensor:
            if raw is None:
                return torch.cat([values[:, -1], future[h]], -1)
            mean = self.head.mean(raw, location[h - 1], scale[h - 1])
            return torch.cat([mean if unit is None else mean / unit, future[h]], -1)

        raw, _ = rollout(step, state, feed, steps)  # [H, B, C, S]
        return Forecast(raw, location, scale)

    def _linear(self, values: Tensor, steps: int) -> Tensor:
        """The highway's a [steps, B, C] from values [B, L, C]."""
        last = values[:, -1]  # [B, C]
        weights = (self.ridge + self.highway / values.shape[1])[:, :steps]  # [C, H, L]
        return last + torch.einsum("chl,blc->hbc", weights, values - last.unsqueeze(1))

"""Regressors of whole sequences, many-to-one: a text or channels over time in, a number out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.builtin import builtin_adding
from unspool.data.labelled import Labelled
from unspool.errors import DataError
from unspool.figure import new_figure
from unspool.tasks.whole.options import WholeOptions
from unspool.tasks.whole.reading import Encoding, behind_name, encoding_from
from unspool.tasks.whole.regressor_options import RegressorOptions
from unspool.tasks.whole.sizing import WholeSizing
from unspool.tasks.whole.whole import Whole
from unspool.training.options import TrainingOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUILTIN_LENGTH, BUILTIN_COUNT = 100, 10_000  # of the adding problem
DRAWN = 2000  # points of a picture


class Regressor(Whole):
    r"""A number for each sequence; the loss is the squared error of the standardised target.

    .. math:: L = \sum_n (\hat y_n - (y_n - \mu) / \sigma)^2

    with mean and deviation of the training targets. A sequence is read from its beginning on and answered at its end,
    so that what matters must be kept (`--bidirectional`, `--pooling mean` are other ways).
    """

    name = "regressor"
    unit = "squared deviations"
    numbers = True
    both_ends = False
    outputs = 1
    Options: ClassVar[type[TrainingOptions]] = RegressorOptions
    options: RegressorOptions

    def __init__(self, options: RegressorOptions, encoding: Encoding, mean: float, deviation: float) -> None:
        super().__init__(options, encoding)
        self.mean, self.deviation = mean, deviation

    @classmethod
    def builtin(cls) -> Any:
        """Return the adding problem."""
        return builtin_adding(BUILTIN_LENGTH, BUILTIN_COUNT, 0)

    @classmethod
    def fitted(cls, options: WholeOptions, training: Labelled, encoding: Encoding, known: Self | None) -> Self:
        """Return the task with the scale of the training targets."""
        assert isinstance(options, RegressorOptions)
        if known is not None:
            return cls(options, encoding, known.mean, known.deviation)
        numbers = _numbers(training)
        return cls(options, encoding, float(numbers.mean()), float(numbers.std()) or 1.0)

    def sized(self, proposal: WholeSizing) -> WholeSizing:
        """Return one network with a narrow layer and large steps; noise on layers or scale would be an error."""
        hidden = max(64, proposal.hidden_size // 2)
        return proposal._replace(
            hidden_size=hidden, layers=1, dropout=0.0, learning_rate=5e-3, augment="none", members=1
        )

    def targets(self, data: Labelled) -> NDArray[np.float32] | None:
        """Return the numbers, standardised as in training."""
        return None if data.targets is None else ((data.targets - self.mean) / self.deviation).astype(np.float32)

    def cost(self, raw: Tensor, targets: Tensor) -> Tensor:
        """Return the squared errors."""
        return (raw[:, 0] - targets).square()

    def decided(self, raw: Tensor) -> Tensor:
        """Return the number."""
        return raw[:, 0]

    def guesses(self, raw: Tensor) -> Tensor:
        """Return the number."""
        return raw[:, 0]

    def worded(self, raw: Tensor) -> list[dict[str, Any]]:
        """Return the numbers in the scale of the data."""
        return [{"value": value} for value in (raw[:, 0] * self.deviation + self.mean).tolist()]

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return the number, behind the name of the sequence if it has one."""
        return behind_name(answer, f"{answer['value']:.6g}")

    def predict(self, sequences: Any) -> NDArray[np.float64]:
        """Return a number for each of a list of texts, of arrays [T, C] (or one array [N, T, C]), or of rows."""
        return self.raw(self.sequences_of(sequences))[:, 0] * self.deviation + self.mean

    def measure(self, data: Labelled) -> dict[str, Any]:
        r"""Return mean squared and mean absolute error and :math:`R^2`, in the scale of the data.

        .. math:: R^2 = 1 - \sum_n (y_n - \hat y_n)^2 / \sum_n (y_n - \bar y)^2
        """
        truth, found = _numbers(data), self.raw(data)[:, 0] * self.deviation + self.mean
        errors = truth - found
        mse, spread = float(np.square(errors).mean()), float(truth.var())
        shown = np.linspace(0, len(truth) - 1, min(DRAWN, len(truth))).astype(np.int64)
        return {
            "validation_loss": mse / self.deviation**2,
            "mse": mse,
            "mae": float(np.abs(errors).mean()),
            "r2": 1.0 - mse / spread if spread else 0.0,
            "sequences": len(truth),
            "pairs": np.stack([truth, found], axis=1)[shown].tolist(),
        }

    def figures(self, metrics: Mapping[str, Any]) -> dict[str, Callable[[], Figure]]:
        """Return the answers over the truth."""
        return {"answers": lambda: _draw(metrics)} if "pairs" in metrics else {}

    def baseline(self) -> dict[str, float]:
        """Return the errors of simple answers on the same held-out sequences."""
        from unspool.tasks.whole.baselines import squared_errors  # only a training that is reported needs it

        assert self.training is not None and self.held is not None
        return squared_errors(self.training, self.held)

    def metadata(self) -> dict[str, Any]:
        """Return vocabulary or scaling, and the scale of the targets."""
        return {**super().metadata(), "target": {"mean": self.mean, "deviation": self.deviation}}

    @classmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Regressor:
        """Return the task of a model file."""
        assert isinstance(options, RegressorOptions)
        mean, deviation = (float(metadata["target"][name]) for name in ("mean", "deviation"))
        if not np.isfinite(mean) or not 0.0 < deviation < np.inf:
            raise DataError(f"a target has a finite mean and a deviation above 0, got {mean} and {deviation}")
        return cls(options, encoding_from(metadata), mean, deviation).restored(metadata)


def _numbers(data: Labelled) -> NDArray[np.float64]:
    assert data.targets is not None  # read_labelled refuses data without, unless told otherwise
    return data.targets


def _draw(metrics: Mapping[str, Any]) -> Figure:
    truth, found = np.asarray(metrics["pairs"]).T
    figure = new_figure(5.5, 5.0)
    axes = figure.subplots()
    ends = [min(truth.min(), found.min()), max(truth.max(), found.max())]
    margin = 0.05 * (ends[1] - ends[0]) or 1.0
    axes.plot(ends, ends, color="0.7", linewidth=1)
    axes.scatter(truth, found, s=8, alpha=0.5)
    limits = (ends[0] - margin, ends[1] + margin)
    axes.set(xlim=limits, ylim=limits, aspect="equal", xlabel="true", ylabel="answered")
    axes.set_title(f"mse {metrics['mse']:.4g}, R² {metrics['r2']:.3f}")
    return figure

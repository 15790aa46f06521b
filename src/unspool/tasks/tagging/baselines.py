"""What one step alone tells of its label: the bar for any network that looks at other steps too."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.classes import UNSCORED
from unspool.data.shuffle import permutation
from unspool.data.stepwise import Stepwise
from unspool.tasks.tagging.encoding import Encoding, Symbols

NUMBERS: Final = 20_000_000  # values that the linear model learns from at most, so that it costs about half a minute


def accuracies(training: Stepwise, held: Stepwise, encoding: Encoding) -> dict[str, float]:
    """Return the accuracy over the labelled steps of `held` of answers that know `training`.

    "majority label" always gives the most frequent label, the first of equals. "most frequent label of the symbol"
    does so for each token or character, which is where a softmax regression on the symbol alone ends. Channels and
    pixels meet "logistic regression on the step alone", on the values as the network reads them, where scikit-learn
    is installed; the name says how many steps it learned from if that was not all.
    """
    (known, labels), (asked, truth) = _steps(training, encoding), _steps(held, encoding)
    if not len(labels) or not len(truth):
        return {}
    found = {"majority label": float(np.mean(truth == np.bincount(labels).argmax()))}
    if isinstance(encoding, Symbols):
        counts = np.zeros((len(encoding), len(training.classes)), np.int64)
        np.add.at(counts, (known, labels), 1)
        counts[counts.sum(1) == 0] = counts.sum(0)  # of a symbol without labels nothing else is known
        found["most frequent label of the symbol"] = float(np.mean(truth == counts[asked].argmax(1)))
        return found
    with suppress(ImportError):  # scikit-learn is an extra
        count = min(len(labels), max(1, NUMBERS // known.shape[1]))
        chosen = np.sort(permutation(len(labels), 0, 0)[:count])
        name = "logistic regression on the step alone"
        partly = f" ({count:,} of {len(labels):,} training steps)" if count < len(labels) else ""
        found[name + partly] = float(np.mean(truth == _logistic(known[chosen], labels[chosen], asked)))
    return found


def _steps(data: Stepwise, encoding: Encoding) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """All steps that have a label, ids [n] or values [n, I], and the labels [n]."""
    assert data.labels is not None
    scored = [labels != UNSCORED for labels in data.labels]
    steps = [encoding.encode(sequence)[own] for sequence, own in zip(data.sequences, scored, strict=True)]
    labels = [labels[own] for labels, own in zip(data.labels, scored, strict=True)]
    return np.concatenate(steps), np.concatenate(labels)


def _logistic(known: NDArray[np.float32], labels: NDArray[np.int64], asked: NDArray[np.float32]) -> NDArray[np.int64]:
    from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    if len(np.unique(labels)) < 2:
        return np.full(len(asked), labels[0])
    model = LogisticRegression(max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(known, labels)
    return np.asarray(model.predict(asked), dtype=np.int64)

"""What simple classifiers reach on the same held-out sequences: the bar for any network."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.labelled import Labelled
from unspool.data.sequence import Standardiser
from unspool.data.shuffle import permutation
from unspool.tasks.whole.warping import band, warped_distances

# Data beyond any of these is sub-sampled, so that the bar costs about half a minute on one core.
SEQUENCES: Final = 30_000
CHARACTERS: Final = 2_000_000
NUMBERS: Final = 20_000_000
STEPS: Final = 64  # that a numeric sequence is resampled to
CELLS: Final = 300_000_000  # of the tables of time warping, about half a minute
ASKED: Final = 200  # held-out sequences that time warping answers, or all; known ones are left out before
AT_ONCE: Final = 256  # known sequences below which the time no longer falls
RAW_STEPS: Final = 1024  # of the longest sequence up to which time warping does without resampling, where it can
ALPHAS: Final = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)  # penalties of a ridge regression, chosen by leave-one-out


def accuracies(training: Labelled, held: Labelled) -> dict[str, float]:
    """Return the accuracy on `held` of simple classifiers that know `training`; both are of the same classes.

    "majority class" always answers with the most frequent class, the first of equals. Where scikit-learn is
    installed, texts also meet "logistic regression on character 1-4-grams" (one class against the rest, on
    tf-idf with 1 + ln tf of the 200,000 most frequent). Numeric sequences meet their nearest neighbour, channels
    standardised, twice: by Euclidean distance, resampled linearly to 64 steps, which needs scikit-learn, and by dynamic
    time warping in a band of a tenth, resampled to the longest sequence in a small set and to 64 steps, as the name
    then says, in another. Where only a part of the data was used, drawn at random of each class, the name says how
    much.
    """
    assert training.labels is not None and held.labels is not None
    answer = np.bincount(training.labels).argmax()
    found = {"majority class": float(np.mean(held.labels == answer))}
    known, asked = _affordable(training), _affordable(held)
    if asked.labels is None or not any(map(len, known.sequences)) or not len(asked):
        return found  # nothing to tell classes by, or nobody to ask

    def enter(
        name: str, answers: Callable[[Labelled, Labelled], NDArray[np.int64]], known: Labelled, asked: Labelled
    ) -> None:
        with suppress(ImportError):  # scikit-learn is an extra
            right = answers(known, asked) == asked.labels
            found[_named(name, known, training, asked, held)] = float(np.mean(right))

    if training.kind == "text":
        enter("logistic regression on character 1-4-grams", _logistic, known, asked)
        return found
    enter("nearest neighbour", _nearest, known, asked)
    steps, pairs = _warping(known, asked)
    few = _of_each_class(asked, max(ASKED, pairs // max(AT_ONCE, len(known))))
    if (most := pairs // len(few)) >= AT_ONCE or most >= len(known):  # otherwise each sequence is too wide
        at = "" if steps == known.lengths.max() else f", at {steps} steps"
        enter(
            f"nearest neighbour, time warped by a tenth{at}", partial(_warped, steps), _of_each_class(known, most), few
        )
    return found


def squared_errors(training: Labelled, held: Labelled) -> dict[str, float]:
    """Return the mean squared error on `held` of simple regressors that know `training`.

    "mse of the mean" always answers the mean of the training targets. Where scikit-learn is installed, there is also
    ridge regression: on tf-idf of character 1-4-grams for texts, on standardised channels, resampled linearly to 64
    steps, for numbers.
    """
    assert training.targets is not None and held.targets is not None
    found = {"mse of the mean": float(np.square(held.targets - training.targets.mean()).mean())}
    known, asked = _affordable(training), _affordable(held)
    if asked.targets is None or not any(map(len, known.sequences)) or not len(asked):
        return found
    text = training.kind == "text"
    name = f"mse of ridge regression on {'character 1-4-grams' if text else 'the values'}"
    with suppress(ImportError):
        errors = asked.targets - _ridge(known, asked)
        found[_named(name, known, training, asked, held)] = float(np.square(errors).mean())
    return found


def _logistic(known: Labelled, asked: Labelled) -> NDArray[np.int64]:
    from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]
    from sklearn.linear_model import SGDClassifier  # type: ignore[import-untyped]

    assert known.labels is not None
    if len(np.unique(known.labels)) < 2:
        return np.full(len(asked), known.labels[0])
    # by stochastic descent with this penalty: within half a point of the best found by L-BFGS, and faster
    model, grams = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0), _grams()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(grams.fit_transform(known.texts), known.labels)
    return np.asarray(model.predict(grams.transform(asked.texts)), dtype=np.int64)


def _ridge(known: Labelled, asked: Labelled) -> NDArray[np.float64]:
    from sklearn.linear_model import Ridge, RidgeCV

    assert known.targets is not None
    if known.kind == "text":
        grams = _grams()
        model = Ridge(alpha=1.0)
        model.fit(grams.fit_transform(known.texts), known.targets)
        return np.asarray(model.predict(grams.transform(asked.texts)), dtype=np.float64)
    scaling = Standardiser.fit(known.arrays)
    model = RidgeCV(ALPHAS)
    model.fit(_points(known, scaling), known.targets)
    return np.asarray(model.predict(_points(asked, scaling)), dtype=np.float64)


def _grams() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

    return TfidfVectorizer(
        analyzer="char",
        ngram_range=(1, 4),
        lowercase=False,  # a network sees capitals too
        sublinear_tf=True,
        max_features=200_000,
        dtype=np.float32,
    )


def _nearest(known: Labelled, asked: Labelled) -> NDArray[np.int64]:
    from sklearn.neighbors import KNeighborsClassifier  # type: ignore[import-untyped]

    scaling = Standardiser.fit(known.arrays)
    model = KNeighborsClassifier(n_neighbors=1, algorithm="brute")
    model.fit(_points(known, scaling), known.labels)
    return np.asarray(model.predict(_points(asked, scaling)), dtype=np.int64)


def _warped(steps: int, known: Labelled, asked: Labelled) -> NDArray[np.int64]:
    assert known.labels is not None
    scaling = Standardiser.fit(known.arrays)
    places = _points(known, scaling, steps).reshape(len(known), steps, -1)
    nearest = [
        warped_distances(point, places).argmin()
        for point in _points(asked, scaling, steps).reshape(-1, *places.shape[1:])
    ]
    return known.labels[nearest]


def _warping(known: Labelled, asked: Labelled) -> tuple[int, int]:
    """The steps at which time is warped, and how many pairs of sequences can be compared there."""
    channels, longest = known.arrays[0].shape[1], int(known.lengths.max())

    def affordable(steps: int) -> int:
        return CELLS // int(steps * (2 * band(steps) + 1) * (channels + 2))

    raw = longest <= RAW_STEPS and max(AT_ONCE, len(known)) * len(asked) <= affordable(longest)
    steps = longest if raw else STEPS
    return steps, affordable(steps)


def _of_each_class(data: Labelled, most: int) -> Labelled:
    """About as many sequences, drawn at random but always the same, and the same share of every class."""
    assert data.labels is not None
    if len(data) <= most:
        return data
    order = permutation(len(data), 0, 0)
    kept = [
        members[: max(1, round(len(members) * most / len(data)))]
        for members in (order[data.labels[order] == label] for label in np.unique(data.labels))
    ]
    return data.select(np.sort(np.concatenate(kept)))


def _points(data: Labelled, scaling: Standardiser, steps: int = STEPS) -> NDArray[np.float32]:
    """Every sequence as one point, [N, steps * C]."""
    points = np.empty((len(data), steps, len(scaling.mean)), dtype=np.float32)
    for point, sequence in zip(points, data.arrays, strict=True):
        point[:] = resample(scaling.apply(sequence), steps)
    return points.reshape(len(data), -1)


def resample(sequence: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Interpolate [T, C] linearly at `steps` places from its first step to its last; zeros if T = 0."""
    if not len(sequence):
        return np.zeros((steps, sequence.shape[1]), dtype=np.float32)
    place = np.linspace(0, len(sequence) - 1, steps)
    before = place.astype(np.int64)
    after = np.minimum(before + 1, len(sequence) - 1)
    share = (place - before).astype(np.float32)[:, None]
    return sequence[before] * (1 - share) + sequence[after] * share


def _affordable(data: Labelled) -> Labelled:
    """As many sequences, drawn at random but always the same, as the limits allow."""
    if data.kind == "text":
        costs, limit = data.lengths, CHARACTERS
    else:
        channels = max((array.shape[1] for array in data.arrays), default=1)
        costs, limit = np.full(len(data), STEPS * channels), NUMBERS
    order = permutation(len(data), 0, 0)
    fits = np.cumsum(costs[order]) <= limit
    fits[SEQUENCES:] = False
    return data if fits.all() else data.select(np.sort(order[fits]))


def _named(name: str, known: Labelled, training: Labelled, asked: Labelled, held: Labelled) -> str:
    """The name, and how much of the data was used where it was a part."""
    shares = _share(known, training, "training sequences"), _share(asked, held, "held-out sequences")
    partly = "; ".join(filter(None, shares))
    return f"{name} ({partly})" if partly else name


def _share(part: Labelled, whole: Labelled, noun: str) -> str:
    """`30,000 of 135,000 training sequences`; nothing if the part is the whole."""
    return "" if len(part) == len(whole) else f"{len(part):,} of {len(whole):,} {noun}"

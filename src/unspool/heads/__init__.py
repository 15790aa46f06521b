"""From a network's raw output to a distribution. A new head is one file here and one line in HEADS or DISTRIBUTIONS."""

from __future__ import annotations

from unspool.heads.base import Head
from unspool.heads.categorical import Categorical
from unspool.heads.ctc import CTC
from unspool.heads.mixture import PenMixture
from unspool.heads.negative_binomial import NegativeBinomial
from unspool.heads.normal import Normal
from unspool.heads.quantile import Quantiles
from unspool.heads.student import StudentT
from unspool.heads.univariate import Univariate

# Of one number in units of the data: what a forecast can be.
DISTRIBUTIONS: dict[str, type[Univariate]] = {
    "normal": Normal,
    "student": StudentT,
    "negative-binomial": NegativeBinomial,
    "quantiles": Quantiles,
}

HEADS: dict[str, type[Head]] = {
    "categorical": Categorical,
    "ctc": CTC,
    **DISTRIBUTIONS,
    "pen-mixture": PenMixture,
}

__all__ = [
    "CTC",
    "DISTRIBUTIONS",
    "HEADS",
    "Categorical",
    "Head",
    "NegativeBinomial",
    "Normal",
    "PenMixture",
    "Quantiles",
    "StudentT",
    "Univariate",
]

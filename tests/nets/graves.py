"""A slow, literal transcription of Graves (2013), sections 2.1, 4.1 and 5.1, in NumPy: one sequence, one step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from unspool.nets.scribe import Scribe

Array = NDArray[np.float64]


def weights(module: nn.Module) -> dict[str, Array]:
    return {name: value.detach().double().numpy() for name, value in module.named_parameters()}


def sigma(a: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-a)))


def lstm(get: dict[str, Array], x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    """(7)-(11) with our two biases: h and c after x."""
    w_xi, w_xf, w_xc, w_xo = np.split(get["weight_ih"], 4)
    w_hi, w_hf, w_hc, w_ho = np.split(get["weight_hh"], 4)
    b_i, b_f, b_c, b_o = np.split(get["bias_ih"] + get["bias_hh"], 4)
    w_ci, w_cf, w_co = (np.diag(get[f"weight_peephole_{gate}"]) for gate in "ifo")
    i = sigma(w_xi @ x + w_hi @ h + w_ci @ c + b_i)  # (7)
    f = sigma(w_xf @ x + w_hf @ h + w_cf @ c + b_f)  # (8)
    c = f * c + i * np.tanh(w_xc @ x + w_hc @ h + b_c)  # (9)
    o = sigma(w_xo @ x + w_ho @ h + w_co @ c + b_o)  # (10)
    return o * np.tanh(c), c  # (11)


class Window(NamedTuple):
    kappa: Array
    phi: list[float]  # of u = 1 ... U + 1
    w: Array


def window(weight: Array, bias: Array, h: Array, kappa: Array, text: Array) -> Window:
    """(46)-(51): the window on c_1 ... c_U, text [U, V], after h."""
    components = len(kappa)
    hats = weight @ h + bias  # (48)
    alpha_hat, beta_hat, kappa_hat = hats[:components], hats[components : 2 * components], hats[2 * components :]
    alpha = np.exp(alpha_hat)  # (49)
    beta = np.exp(beta_hat)  # (50)
    kappa = kappa + np.exp(kappa_hat)  # (51)
    phi = []
    for u in range(1, len(text) + 2):
        phi.append(sum(float(alpha[k] * np.exp(-beta[k] * (kappa[k] - u) ** 2)) for k in range(components)))  # (46)
    w = np.zeros(text.shape[1])
    for u in range(1, len(text) + 1):
        w = w + phi[u - 1] * text[u - 1]  # (47)
    return Window(kappa, phi, w)


def nats(raw: Array, point: Array) -> float:
    """-log p of a point by (17)-(26)."""
    components = (len(raw) - 1) // 6
    e_hat, (pi_hat, mu1, mu2, s1_hat, s2_hat, rho_hat) = raw[0], raw[1:].reshape(6, components)
    e = 1 / (1 + np.exp(e_hat))  # (18)
    pi = np.exp(pi_hat) / np.exp(pi_hat).sum()  # (19)
    s1, s2 = np.exp(s1_hat), np.exp(s2_hat)  # (21)
    rho = np.tanh(rho_hat)  # (22)
    x1, x2, x3 = point
    total = 0.0
    for j in range(components):
        z1, z2 = (x1 - mu1[j]) / s1[j], (x2 - mu2[j]) / s2[j]
        z = z1**2 + z2**2 - 2 * rho[j] * z1 * z2  # (25)
        normaliser = 2 * np.pi * s1[j] * s2[j] * np.sqrt(1 - rho[j] ** 2)
        total += pi[j] * np.exp(-z / (2 * (1 - rho[j] ** 2))) / normaliser  # (23), (24)
    return float(-np.log(total) - np.log(e if x3 == 1 else 1 - e))  # (26)


class Score(NamedTuple):
    nats: float  # L(x), (6) with the losses of (26)
    squared: float  # the squared errors of the mixture's mean, added up


def score(made: Scribe, points: Array, text: Array | None) -> Score:
    """One sequence [T, 3], and the text c [U, V] it spells, through a network: every equation, step by step."""
    output = weights(made.output)
    cells = [layer.cell for layer in made.stack.layers]  # type: ignore[union-attr]
    moving = weights(cells[0])
    get = [weights(cell if index or text is None else cell.cell) for index, cell in enumerate(cells)]
    h = [np.zeros(own["weight_hh"].shape[1]) for own in get]
    c = [np.zeros_like(own) for own in h]
    components = len(moving["shape.bias"]) // 3 if text is not None else 0
    shown = Window(np.zeros(components), [], np.zeros(0 if text is None else text.shape[1]))
    x, nats_in_all, squared = np.zeros(3), 0.0, 0.0  # x_1 is a null vector
    for point in points:
        h[0], c[0] = lstm(get[0], np.concatenate([x, shown.w]), h[0], c[0])  # w of t - 1
        if text is not None:
            shown = window(moving["shape.weight"], moving["shape.bias"], h[0], shown.kappa, text)
        for n in range(1, len(cells)):  # (52), w of t
            h[n], c[n] = lstm(get[n], np.concatenate([x, shown.w, h[n - 1]]), h[n], c[n])
        y_hat = output["weight"] @ np.concatenate(h) + output["bias"]  # (53)
        nats_in_all += nats(y_hat, point)  # (26)
        pi_hat, mu1, mu2 = y_hat[1:].reshape(6, -1)[:3]
        pi = np.exp(pi_hat) / np.exp(pi_hat).sum()  # (19)
        squared += float((pi @ mu1 - point[0]) ** 2 + (pi @ mu2 - point[1]) ** 2)
        x = point
    return Score(nats_in_all, squared)

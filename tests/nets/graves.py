"""A slow, literal transcription of Graves (2013), sections 2.1, 4.1 and 5.1, in NumPy: one sequence, one step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

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

"""Noise on the weights of a network while it is trained: of a fixed size, or of a size that every weight learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from unspool.engine.substitute import substituted
from unspool.errors import SpecError

DEVIATION = 0.075  # Graves 2013, section 3.1
NAME = "noise"  # of the attribute under which a network holds it
Method = TypeVar("Method", bound=Callable[..., Any])


class WeightNoise(nn.Module):
    r"""Every weight a Gaussian around its value, drawn once a window.

    .. math:: w_i = \mu_i + \sigma \epsilon_i, \quad \epsilon_i \sim N(0, 1)

    The network keeps the :math:`\mu_i`, and is evaluated with them. Graves (2013), Generating Sequences With Recurrent
    Neural Networks, section 3.1, with :math:`\sigma` = 0.075; Jim, Giles and Horne (1996), An Analysis of Noise in
    Recurrent Neural Networks.
    """

    def __init__(self, deviation: float = DEVIATION) -> None:
        super().__init__()
        if not 0.0 < deviation < math.inf:
            raise SpecError(f"weight noise must have a standard deviation above 0, got {deviation}; 0.075 is usual")
        self.deviation = deviation

    def draw(self, net: nn.Module, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return noisy weights by the names of the network's own."""
        return {name: mean + self.deviation * _normal(mean, generator) for name, mean in means(net)}


class AdaptiveWeightNoise(WeightNoise):
    r"""Every weight a Gaussian with a mean and a variance of its own, both learned, drawn once a window.

    .. math::
        w_i = \mu_i + \sigma_i \epsilon_i, \quad
        L = \mathrm{E}_\epsilon[L^N(w)] + \frac{1}{N} \sum_i \mathrm{KL}(N(\mu_i, \sigma_i^2) \| N(\mu, \sigma^2))

    in nats a symbol: L^N is the loss of a symbol, N the number of training symbols, so that N L is the length of the
    description of all symbols and all weights. The prior is the best one for the weights as they are,

    .. math:: \mu = \frac{1}{W} \sum_i \mu_i, \quad \sigma^2 = \frac{1}{W} \sum_i (\sigma_i^2 + (\mu_i - \mu)^2),

    with which the quadratic terms cancel: :math:`\sum_i \mathrm{KL} = \frac{1}{2} (W \log \sigma^2 - \sum_i \log
    \sigma_i^2)`; as the prior is at its optimum, the gradient of this is that at a fixed prior. `log_variance` holds
    :math:`\log \sigma_i^2`, a flat vector for each of the network's tensors: what is flat is not decayed.

    Graves (2011), Practical Variational Inference for Neural Networks, sections 4 and 4.2; Graves (2013), section 3.1.
    There the gradient of a variance comes from squared gradients, an approximation of the Hessian; here it is that of
    the drawn weight itself, :math:`\partial L^N / \partial w_i \cdot \epsilon_i`.

    Args:
        net: the network, whole but for this noise.
        deviation: where all :math:`\sigma_i` start.
    """

    def __init__(self, net: nn.Module, deviation: float = DEVIATION) -> None:
        super().__init__(deviation)
        start = 2.0 * math.log(deviation)
        self.log_variance = nn.ParameterDict()
        for name, mean in means(net):
            self.log_variance[_key(name)] = nn.Parameter(torch.full_like(mean.detach(), start).flatten())

    def draw(self, net: nn.Module, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return noisy weights by the names of the network's own."""
        drawn = {}
        for name, mean in means(net):
            deviation = (0.5 * self.log_variance[_key(name)]).exp().view_as(mean)
            drawn[name] = mean + deviation * _normal(mean, generator)
        return drawn

    def complexity(self, net: nn.Module) -> Tensor:
        """Return the sum of all KL divergences from the best prior, in nats, []."""
        held = [mean for _, mean in means(net)]
        spreads = list(self.log_variance.values())
        count = sum(mean.numel() for mean in held)
        middle = torch.stack([mean.sum() for mean in held]).sum() / count
        squares = [
            spread.exp().sum() + (mean - middle).square().sum() for mean, spread in zip(held, spreads, strict=True)
        ]
        variance = torch.stack(squares).sum() / count
        return 0.5 * (count * variance.log() - torch.stack([spread.sum() for spread in spreads]).sum())


def weight_noise(net: nn.Module, deviation: float, adaptive: bool) -> WeightNoise | None:
    """Return the noise for a network that is whole but for it; None for none."""
    if adaptive:
        return AdaptiveWeightNoise(net, deviation or DEVIATION)
    return WeightNoise(deviation) if deviation else None


def noisy(method: Method) -> Method:
    """Make a method of a network run, in training, with weights drawn anew from its keyword `generator`."""

    @wraps(method)
    def run(net: Any, *arguments: Any, **keywords: Any) -> Any:
        if net.noise is None or not net.training:
            return method(net, *arguments, **keywords)
        weights = net.noise.draw(net, keywords.get("generator"))
        return substituted(net, weights, method, net, *arguments, **keywords)

    return run  # type: ignore[return-value]


def with_complexity(net: Any, loss: Tensor, share: float) -> Tensor:
    """Return the loss, whose gradient alone gets `share` of the gradient of the noise's complexity, in training."""
    if not net.training or not isinstance(net.noise, AdaptiveWeightNoise):
        return loss
    cost = share * net.noise.complexity(net)
    return loss + (cost - cost.detach())


def with_own_noise(net: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of another network for this one: its noise where it fits, else this one's as it starts.

    So a network that learned without adaptive noise goes on with it, as those of Graves (2013) do, or without again.
    """
    found = {name: tensor for name, tensor in tensors.items() if not name.startswith(f"{NAME}.")}
    for name, parameter in net.named_parameters():
        if name.startswith(f"{NAME}."):
            own = parameter.detach()
            theirs = tensors.get(name, own)
            found[name] = theirs if theirs.shape == own.shape else own
    return found


def means(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the network's own weights by name, a tied one once."""
    for name, parameter in net.named_parameters():
        if not name.startswith(f"{NAME}."):
            yield name, parameter


def _key(name: str) -> str:
    return name.replace(".", "-")  # a dot would be a path


def _normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    # a generator belongs to one device; the numbers are drawn there
    home = like.device if generator is None else generator.device
    return torch.randn(like.shape, generator=generator, device=home, dtype=torch.float32).to(like)

"""Random numbers by address: what sample i meets at step n depends on the seed, i and n, and on nothing else.

Neither the number of samples, nor the batch, nor the order of the steps, nor the machine can change it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from unspool.errors import DataError, ShapeError, SpecError

BLOCK = 256  # steps drawn at once for a sample; a multiple of the 4 words that one Philox counter gives
WORDS = 4
WORD_MASK = 2**64 - 1


class Draws:
    """One uniform number in [0, 1) for each sample and step, by Philox4x64-10.

    Arithmetic on 64-bit words, `*` giving the high and the low word of the 128-bit product::

        key     = (seed, sample)
        counter = (step // 4 + 1, 0, 0, 0)
        ten times:
            high0, low0 = 0xD2E7470EE14C6C93 * counter[0]
            high1, low1 = 0xCA5A826395121157 * counter[2]
            counter = (high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0)
            key     = (key[0] + 0x9E3779B97F4A7C15, key[1] + 0xBB67AE8584CAA73B)
        uniform = (counter[step % 4] >> 11) * 2**-53

    Sample i therefore reads what `numpy.random.Generator(numpy.random.Philox(key=[seed, i])).random()` gives,
    step after step. Whatever needs k numbers a step reads the addresses k * step to k * step + k - 1.

    Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3, section 3.

    Example:
        >>> draws = Draws(seed=7, samples=[0, 1, 2])
        >>> later, first = draws.at(1000), draws.at(0)
        >>> bool(Draws(7, [2]).at(1000) == later[2])
        True
    """

    def __init__(self, seed: int, samples: Sequence[int]) -> None:
        _check_word("seed", seed)
        for sample in samples:
            _check_word("sample", sample)
        self.seed = seed
        self.samples = tuple(samples)
        self._philox = np.random.Philox(key=0)
        self._origin = self._philox.state  # buffer empty: setting it back starts at the counter written into it
        self._block = -1
        self._uniforms = np.empty((BLOCK, 0))  # [BLOCK, N]

    def __len__(self) -> int:
        return len(self.samples)

    def at(self, step: int) -> Tensor:
        """Return the uniforms of all samples at one step, float64 [N] on the CPU; steps come in any order."""
        _check_word("step", step)
        block, row = divmod(step, BLOCK)
        if block != self._block:
            self._uniforms, self._block = self._draw(block), block
        return torch.from_numpy(self._uniforms[row].copy())

    def _draw(self, block: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        raw = np.empty((len(self.samples), BLOCK), dtype=np.uint64)  # [N, BLOCK]
        place = self._origin["state"]
        place["counter"][0] = block * (BLOCK // WORDS)  # NumPy counts up before it draws
        for row, sample in enumerate(self.samples):
            place["key"][:] = self.seed, sample
            self._philox.state = self._origin
            raw[row] = self._philox.random_raw(BLOCK)
        return np.ascontiguousarray((raw >> np.uint64(11)).T * 2.0**-53)  # [BLOCK, N]


def pick(probabilities: Tensor, uniforms: Tensor) -> Tensor:
    """Return the outcome that each uniform number stands for, by the inverse of the distribution function.

    Equation: `id = min { v : p_0 + ... + p_v > u * (p_0 + ... + p_{V-1}) }`, summed from left to right in
    float64. The probabilities need not add up to one, and an outcome of probability zero is never picked.

    Shapes: probabilities [..., V], uniforms [...] in [0, 1) -> int64 [...].

    Example:
        >>> pick(torch.tensor([[0.25, 0.75]]), torch.tensor([0.25]))
        tensor([1])
    """
    if probabilities.shape[:-1] != uniforms.shape:
        raise ShapeError(
            f"uniforms must be {list(probabilities.shape[:-1])}, one for each row of probabilities "
            f"{list(probabilities.shape)}, got {list(uniforms.shape)}; draw as many as there are rows"
        )
    cumulative = probabilities.double().cumsum(-1).contiguous()  # [..., V]
    height = uniforms.double().unsqueeze(-1) * cumulative[..., -1:]  # [..., 1]
    ids = torch.searchsorted(cumulative, height, right=True).squeeze(-1)  # [...]
    # NaN, a sum of zero, and u >= 1 all end up past the last outcome.
    if bool((ids >= probabilities.shape[-1]).any()):
        raise DataError(
            "every row of probabilities must have a sum above 0 and no NaN, and uniforms must be below 1; "
            "got a row in which nothing can be picked, look at the scores that it was made from"
        )
    return ids


class Noise(torch.Generator):
    """The generator of one training step's noise, of whose batch this process may have some rows only.

    What is drawn row by row is then drawn for the whole batch and cut, so that a row meets the same noise however many
    processes share the batch.
    """

    rows: range | None = None  # those of the whole batch that are computed here, None for all
    whole: int = 0  # rows of the whole batch


def whole_batch(shape: Sequence[int], generator: torch.Generator | None) -> tuple[tuple[int, ...], slice]:
    """Return the shape to draw noise in for rows [..., B, H], and the slice of its dimension -2 that they are."""
    if isinstance(generator, Noise) and generator.rows is not None and shape[-2] == len(generator.rows):
        return (*shape[:-2], generator.whole, shape[-1]), slice(generator.rows.start, generator.rows.stop)
    return tuple(shape), slice(None)


def noise_generator(seed: int, step: int, device: torch.device | str = "cpu") -> Noise:
    """Return a fresh generator for the noise of one training step (dropout), a function of both numbers.

    Equation: it is seeded with `mix(mix(seed) + step)` mod 2**64, where, mod 2**64::

        mix(z): z += 0x9E3779B97F4A7C15
                z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
                z = (z ^ (z >> 27)) * 0x94D049BB133111EB
                return z ^ (z >> 31)

    Source: SplitMix64, Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators.
    torch's CPU generator uses only the low 32 bits of its seed; mixing lets all of seed and step reach them.

    Example:
        >>> a, b = noise_generator(seed=3, step=10), noise_generator(seed=3, step=10)
        >>> bool((torch.rand(5, generator=a) == torch.rand(5, generator=b)).all())
        True
    """
    _check_word("seed", seed)
    _check_word("step", step)
    generator = Noise(device=device)
    generator.manual_seed(_mix((_mix(seed) + step) & WORD_MASK))
    return generator


def _mix(z: int) -> int:
    z = (z + 0x9E3779B97F4A7C15) & WORD_MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD_MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD_MASK
    return z ^ (z >> 31)


def _check_word(name: str, value: int) -> None:
    if not 0 <= value <= WORD_MASK:
        raise SpecError(f"{name} must be at least 0 and below 2**64, got {value}; take a number without a sign")

from __future__ import annotations

import doctest
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool import draws
from unspool.draws import BLOCK, Draws, noise_generator, pick
from unspool.errors import DataError, ShapeError, SpecError

torch.set_num_threads(1)
WORD = 2**64 - 1
words = st.integers(0, WORD)
quick = settings(deadline=None, derandomize=True, max_examples=60)


def numpy_stream(seed: int, sample: int, length: int) -> np.ndarray:
    key = np.array([seed, sample], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).random(length)


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Ten rounds, straight from the docstring of Draws."""
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * counter[0], 0xCA5A826395121157 * counter[2]
        counter = [
            (second >> 64) ^ counter[1] ^ key[0],
            second & WORD,
            (first >> 64) ^ counter[3] ^ key[1],
            first & WORD,
        ]
        key = [(key[0] + 0x9E3779B97F4A7C15) & WORD, (key[1] + 0xBB67AE8584CAA73B) & WORD]
    return counter


def stack(source: Draws, steps: range) -> torch.Tensor:
    return torch.stack([source.at(step) for step in steps])  # [T, N]


@pytest.mark.parametrize(("seed", "sample"), [(0, 0), (7, 3), (2**63, 5), (WORD, WORD), (1, 2**63 + 1)])
def test_stream_is_numpys_philox_bit_for_bit(seed: int, sample: int) -> None:
    ours = stack(Draws(seed, [sample]), range(3 * BLOCK + 5))[:, 0]
    assert ours.dtype == torch.float64
    assert np.array_equal(ours.numpy(), numpy_stream(seed, sample, 3 * BLOCK + 5))


def test_the_rounds_in_the_docstring_are_the_published_ones() -> None:
    # Known answer for the zero counter and key, from the authors' Random123 library.
    assert philox([0, 0, 0, 0], [0, 0]) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]


@quick
@given(seed=words, sample=words, step=st.integers(0, 2**62))
def test_the_documented_address_arithmetic_gives_the_same_number(seed: int, sample: int, step: int) -> None:
    word = philox([step // 4 + 1, 0, 0, 0], [seed, sample])[step % 4]
    assert float(Draws(seed, [sample]).at(step)) == (word >> 11) * 2.0**-53


@quick
@given(order=st.permutations([0, 1, 3, 4, 255, 256, 257, 1000, 511, 512]))
def test_the_order_of_the_steps_changes_nothing(order: list[int]) -> None:
    source, stream = Draws(11, [4]), numpy_stream(11, 4, 1001)
    assert [float(source.at(step)) for step in order] == [stream[step] for step in order]


def test_a_sample_does_not_depend_on_who_else_is_drawn() -> None:
    together = stack(Draws(5, range(20)), range(BLOCK + 3))
    apart = stack(Draws(5, [13, 2]), range(BLOCK + 3))
    assert torch.equal(together[:, [13, 2]], apart)


def test_numpy_is_asked_once_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    source, blocks = Draws(5, [0, 1]), []
    draw = source._draw

    def counted(block: int) -> np.ndarray:
        blocks.append(block)
        return draw(block)

    monkeypatch.setattr(source, "_draw", counted)
    stack(source, range(3 * BLOCK))
    assert blocks == [0, 1, 2]


def test_what_is_handed_out_is_the_callers_own() -> None:
    source = Draws(0, [0, 1])
    before = source.at(3).clone()
    source.at(3).zero_()
    assert torch.equal(source.at(3), before)


def test_streams_are_uniform_and_unrelated() -> None:
    values = stack(Draws(1, range(200)), range(BLOCK))  # [256, 200]
    assert 0 <= float(values.min()) and float(values.max()) < 1
    counts = torch.histc(values, bins=20, min=0, max=1)
    chi_square = float(((counts - values.numel() / 20) ** 2 / (values.numel() / 20)).sum())
    assert chi_square < 43.8  # quantile 0.999 at 19 degrees of freedom
    between = torch.corrcoef(values.T).fill_diagonal_(0).abs().max()
    assert float(between) < 6 / BLOCK**0.5


def test_a_block_of_a_thousand_samples_is_quick() -> None:
    source = Draws(3, range(1000))
    seconds = []
    for block in range(5):
        start = time.perf_counter()
        source.at(block * BLOCK)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


@pytest.mark.parametrize("bad", [-1, 2**64])
def test_numbers_that_are_no_64_bit_words_are_refused(bad: int) -> None:
    for call in (
        lambda: Draws(bad, [0]),
        lambda: Draws(0, [0, bad]),
        lambda: Draws(0, [0]).at(bad),
        lambda: noise_generator(bad, 0),
        lambda: noise_generator(0, bad),
    ):
        with pytest.raises(SpecError, match=rf"below 2\*\*64, got {bad}"):
            call()


def test_pick_is_the_inverse_of_the_distribution_function() -> None:
    probabilities = torch.tensor([0.25, 0.0, 0.5, 0.25], dtype=torch.float64).expand(6, 4)
    uniforms = torch.tensor([0.0, 0.2499, 0.25, 0.7499, 0.75, 1 - 2**-53], dtype=torch.float64)
    assert pick(probabilities, uniforms).tolist() == [0, 0, 2, 2, 3, 3]


@quick
@given(
    weights=st.lists(st.sampled_from([0.0, 1e-300, 1e-12, 0.1, 1.0, 3.7]), min_size=1, max_size=7).filter(any),
    uniform=st.one_of(st.sampled_from([0.0, 1 - 2**-53]), st.floats(0, 1, exclude_max=True)),
)
def test_pick_never_takes_what_is_impossible(weights: list[float], uniform: float) -> None:
    row = torch.tensor([weights], dtype=torch.float64)
    choice = int(pick(row, torch.tensor([uniform], dtype=torch.float64)))
    assert weights[choice] > 0


def test_pick_takes_any_leading_axes_and_strides() -> None:
    probabilities = torch.rand(5, 3, 2, generator=torch.Generator().manual_seed(0)).permute(2, 1, 0)  # [2, 3, 5]
    uniforms = stack(Draws(0, range(3)), range(2))
    folded = pick(probabilities.reshape(6, 5), uniforms.reshape(6))
    assert torch.equal(pick(probabilities, uniforms).reshape(6), folded)


@pytest.mark.parametrize(
    ("row", "uniform"),
    [([0.0, 0.0], 0.5), ([float("nan"), 1.0], 0.5), ([0.5, 0.5], 1.0), ([0.5, float("nan")], 0.0)],
)
def test_pick_refuses_what_has_no_outcome(row: list[float], uniform: float) -> None:
    with pytest.raises(DataError, match="sum above 0 and no NaN"):
        pick(torch.tensor([row]), torch.tensor([uniform]))


def test_pick_wants_one_number_a_row() -> None:
    with pytest.raises(ShapeError, match=r"uniforms must be \[2\].*got \[3\]"):
        pick(torch.ones(2, 4), torch.zeros(3))


def test_noise_depends_on_seed_and_step_alone() -> None:
    torch.manual_seed(1)
    first = torch.rand(4, generator=noise_generator(3, 10))
    torch.manual_seed(2)
    noise_generator(3, 9)
    assert torch.equal(torch.rand(4, generator=noise_generator(3, 10)), first)


def test_noise_seeds_are_the_documented_mix() -> None:
    # The first two outputs of SplitMix64 from state 0 are 0xE220A8397B1DCDAF and 0x6E789E6AA1B965F4.
    assert draws._mix(0) == 0xE220A8397B1DCDAF
    assert draws._mix(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4
    assert noise_generator(0, 5).initial_seed() == draws._mix(0xE220A8397B1DCDAF + 5)


def test_neighbouring_steps_and_seeds_differ_in_the_bits_that_torch_uses() -> None:
    seeds = {noise_generator(seed, step).initial_seed() & 0xFFFFFFFF for seed in range(40) for step in range(40)}
    assert len(seeds) == 1600


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    noise_generator(1, 2)
    Draws(1, [2]).at(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_examples() -> None:
    assert doctest.testmod(draws).failed == 0

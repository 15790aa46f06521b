from __future__ import annotations

import pytest

from unspool.data.sound.digits import Digit, digit_of, official_part


@pytest.mark.parametrize(
    ("name", "digit"),
    [
        ("7_jackson_32.wav", Digit("7", "jackson", 32)),
        ("recordings/0_theo_0.wav", Digit("0", "theo", 0)),
        ("seven_mary_ann_4", Digit("seven", "mary_ann", 4)),
        ("7_jackson.wav", None),
        ("7_jackson_x.wav", None),
        ("_jackson_3.wav", None),
        ("7__3.wav", None),
        ("hello.wav", None),
    ],
)
def test_names(name, digit):
    assert digit_of(name) == digit


def test_the_official_split():
    """README of the dataset: recordings numbered 0-4 (inclusive) are in the test and 5-49 in the training set."""
    parts = [official_part(f"recordings/3_lucas_{index}.wav") for index in range(50)]
    assert parts == ["test"] * 5 + ["training"] * 45


def test_a_name_without_an_index(refused):
    with refused("LABEL_SPEAKER_INDEX", "hello.wav"):
        official_part("hello.wav")

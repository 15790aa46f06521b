from __future__ import annotations

import pytest

from unspool.data.sound.digits import Digit, digit_of


@pytest.mark.parametrize(
    ("name", "digit"),
    [
        ("7_jackson_32.wav", Digit("7", "jackson")),
        ("recordings/0_theo_0.wav", Digit("0", "theo")),
        ("seven_mary_ann_4", Digit("seven", "mary_ann")),
        ("7_jackson.wav", None),
        ("7_jackson_x.wav", None),
        ("_jackson_3.wav", None),
        ("7__3.wav", None),
        ("hello.wav", None),
    ],
)
def test_names(name, digit):
    assert digit_of(name) == digit

"""A pen writes the same line natively and by the loop: strokes, the path of its window, and where it stops."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tasks.pen.made import handwriting, inks
from unspool.engine import kernels, native
from unspool.engine.writing import Writer, native_writer
from unspool.tasks.pen.handwriting import Handwriting

pytestmark = pytest.mark.skipif(not native.BUILT, reason="the native engine was not built")


@pytest.mark.parametrize("prediction", [False, True], ids=["synthesis", "prediction"])
@pytest.mark.parametrize("bias", [0.0, 1.0])
@pytest.mark.parametrize("styled", [False, True], ids=["", "styled"])
def test_native_lines_are_those_of_the_loop(prediction: bool, bias: float, styled: bool) -> None:
    task: Handwriting = handwriting(prediction=prediction)
    sample = inks()[0]
    text = None if prediction else sample.text
    style = sample if styled else None

    def lines(on: bool) -> list[tuple[np.ndarray, np.ndarray, bool]]:
        with kernels(on):
            found = task.lines(text, bias=bias, seed=5, count=2, points=30, style=style)
            return [(line.strokes.points, line.phi, line.finished) for line in found]

    assert isinstance(native_writer(task.model.eval()), Writer)
    for ours, theirs in zip(lines(True), lines(False), strict=True):
        first = min(12, len(theirs[0]))  # later ones are further apart: each is drawn from the one before
        np.testing.assert_allclose(ours[0][:first], theirs[0][:first], rtol=0, atol=1e-3 * np.abs(theirs[0]).max())
        np.testing.assert_allclose(ours[1][:first], theirs[1][:first], rtol=1e-3, atol=1e-4)
        assert ours[2] == theirs[2]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data import ids as module
from unspool.data.ids import IdBuffer, narrowest


@pytest.mark.parametrize(("size", "width"), [(1, 1), (256, 1), (257, 2), (65536, 2), (65537, 4), (0x110000, 4)])
def test_the_narrowest_dtype_holds_the_largest_id(size, width):
    assert narrowest(size).itemsize == width
    assert np.iinfo(narrowest(size)).max >= size - 1


@given(st.lists(st.tuples(st.lists(st.integers(0, 99)), st.sampled_from([100, 300, 70000]))))
def test_what_goes_in_comes_out_whatever_is_widened_when(pieces):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 3)  # so that widening goes in many steps
        buffer = IdBuffer()
        expected = []
        for values, size in pieces:
            ids = np.array([value * size // 100 for value in values], dtype=np.int64)
            buffer.append(ids, size)
            expected += ids.tolist()
    found = buffer.finish()
    assert found.tolist() == expected
    assert found.dtype == narrowest(max((size for _, size in pieces), default=1))

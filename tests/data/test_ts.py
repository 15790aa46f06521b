from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unspool.data.ts import read_ts

FLOATS = st.floats(-1e6, 1e6, width=32)
HEAD = "#about\n@problemName x\n@timeStamps false\n@univariate false\n@dimensions 2\n@classLabel true a b\n@data\n"
EQUAL = HEAD.replace("@data", "@equalLength true\n@seriesLength 3\n@data")


def line(sequence, label):
    channels = (",".join(repr(float(value)) for value in channel) for channel in sequence.T)
    return ":".join([*channels, label])


@given(
    st.lists(
        st.tuples(
            st.integers(1, 9).flatmap(lambda steps: arrays.arrays(np.float32, (steps, 2), elements=FLOATS)),
            st.sampled_from("ab"),
        ),
        min_size=1,
    )
)
def test_any_file_comes_back(examples):
    found = read_ts(HEAD + "\n".join(line(*example) for example in examples), "a.ts")
    assert found.labels == [label for _, label in examples]
    for ours, (theirs, _) in zip(found.sequences, examples, strict=True):
        assert ours.dtype == np.float32
        assert np.array_equal(ours, theirs)


def test_headers_may_be_in_any_case_and_comments_anywhere():
    head = "# x\n\n@PROBLEMNAME y\n@Univariate true\n@classlabel true 1 2\n"
    text = head + "# y\n@DATA\r\n1,2:1\n# z\n 3 , 4 : 2 \n"
    found = read_ts(text, "a.ts")
    assert [sequence.tolist() for sequence in found.sequences] == [[[1], [2]], [[3], [4]]]
    assert found.labels == ["1", "2"]


def test_files_without_classes_have_no_labels():
    found = read_ts("@univariate true\n@classLabel false\n@data\n1,2,3\n4,5\n", "a.ts")
    assert found.labels is None
    assert [len(sequence) for sequence in found.sequences] == [3, 2]


def test_a_series_may_be_empty():
    assert read_ts(HEAD + ":" + ":a\n1:2:b", "a.ts").sequences[0].shape == (0, 2)


@pytest.mark.parametrize("whole", [HEAD + "1,2,3:4,5,6:a\n7,8,9:1,2,3:b", EQUAL + "1,2,3:4,5,6:a\n7,8,9:1,2,3:b"])
def test_a_file_cut_short_anywhere_is_refused_or_ends_with_a_whole_example(refused, whole):
    for end in range(len(whole)):
        if whole[:end].rstrip("\n").endswith(":a"):
            assert len(read_ts(whole[:end], "a.ts").sequences) == 1
        else:
            with refused("a.ts"):
                read_ts(whole[:end], "a.ts")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["below a line @data", "ends before the first", "cut short"]),
        (HEAD, ["ends before the first"]),
        ("@problemName x\n", ["ends before the first"]),
        ("1,2:a\n", ["begin with @", "line 1 of a.ts", "check that this is"]),
        (HEAD + "1,2:3,4\n", ["one of the header's classes", "line 8 of a.ts does not", "cut short"]),
        (HEAD + "1,2:3,4:c\n", ["one of the header's classes", "line 8"]),
        (HEAD + "1,2:a\n", ["2 channels", "line 8 of a.ts has 1"]),
        (HEAD + "1,2:3,4:5,6:a\n", ["2 channels", "has 3"]),
        (HEAD + "1,2:3,4:a\n\n1,2:3:b\n", ["equally long", "line 10 of a.ts has lengths 1, 2"]),
        (EQUAL + "1,2:3,4:a\n", ["3 steps", "line 10 of a.ts has 2"]),
        (HEAD + "1,2:3,?:a\n", ["finite numbers", "has '?' (a missing value) at step 2 of channel 2"]),
        (HEAD + "1,NaN:3,4:a\n", ["finite numbers", "'NaN' at step 2 of channel 1", "fill it in"]),
        (HEAD + "1,2:x3,4:a\n", ["finite numbers", "'x3' at step 1 of channel 2"]),
        (HEAD + "1,:3,4:a\n", ["finite numbers", "'' at step 2 of channel 1"]),
        (
            HEAD.replace("timeStamps false", "timeStamps true") + "1:2:a",
            ["plain values", "time stamps", "resample"],
        ),
        ("@targetLabel true\n@data\n1:2\n", ["must hold classes", "numbers to predict"]),
        (
            HEAD.replace("dimensions 2", "dimensions two") + "1:2:a",
            ["@dimensions must be a whole number", "'two'"],
        ),
    ],
)
def test_broken_files(refused, text, parts):
    with refused(*parts):
        read_ts(text, "a.ts")


def test_the_first_example_fixes_the_channels_where_the_header_does_not(refused):
    with refused("2 channels", "line 4 of a.ts has 1"):
        read_ts("@classLabel true a\n@data\n1:2:a\n3:a\n", "a.ts")

from __future__ import annotations

from xml.sax.saxutils import escape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pen.made import same, samples
from unspool.data.pen.inkml import read_inkml
from unspool.data.pen.markup import parse_xml
from unspool.data.pen.strokes import Strokes
from unspool.data.pen.traces import Channel, decode_trace

INK = '<ink xmlns="http://www.w3.org/2003/InkML">'
CHANNELS = '<channel name="X"/><channel name="Y"/><channel name="T" units="s"/><channel name="F"/>'
TIMED = f"<traceFormat>{CHANNELS}</traceFormat>"


def read(text: str) -> list[Strokes]:
    return read_inkml(parse_xml(text.encode(), "a.inkml"), "a.inkml")


def inkml(sample: Strokes) -> str:
    columns = [sample.points * [1, -1], np.c_[sample.times], np.c_[sample.pressure]]
    rows = [" ".join(map(repr, row)) for row in np.hstack(columns).tolist()]
    traces = [", ".join(rows[start:end]) for start, end in zip(sample.starts, sample.ends, strict=True)]
    notes = [
        f'<annotation type="{kind}">{escape(value)}</annotation>'
        for kind, value in (("text", sample.text), ("writer", sample.writer))
        if value is not None
    ]
    return INK + TIMED + "".join(notes) + "".join(f"<trace>{trace}</trace>" for trace in traces) + "</ink>"


@given(samples(timed=st.just(True), pressed=st.just(True)))
def test_any_sample_comes_back(sample):
    (found,) = read(inkml(sample))
    assert same(found, sample)


# The trace of the Recommendation's example in section 3.2.1, and its values added up by hand.
TRACE = "1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8,3 6 T,2 4*T,3 6,3-6 F F"
POINTS = [
    (1125, 18432), (1148, 18475), (1178, 18510), (1211, 18540), (1251, 18567), (1297, 18596), (1349, 18633),
    (1404, 18676), (1461, 18723), (1521, 18776), (1584, 18823),
]  # fmt: skip


def test_differences_of_differences_as_in_the_recommendation():
    values = decode_trace(TRACE, [Channel("X"), Channel("Y"), Channel("S1"), Channel("S2")], "a trace")
    assert list(map(tuple, values[:, :2].tolist())) == POINTS
    assert np.isnan(values[6, 2]) and values[7, 2] == 1 and values[-1, 3] == 0


@given(st.lists(st.tuples(*[st.integers(-999, 999)] * 2), min_size=3, max_size=9), st.sampled_from("!'\""))
def test_every_encoding_says_the_same(points, sign):
    """The same points as values, first and second differences; the first ones as the encoding needs them."""
    rows = np.array(points)
    velocity = np.diff(rows, axis=0)
    encoded = {
        "!": [rows[2:], "!"],
        "'": [velocity[1:], "'"],
        '"': [np.diff(velocity, axis=0), '"'],
    }[sign]
    head = [f"!{rows[0][0]} !{rows[0][1]}", f"'{velocity[0][0]} '{velocity[0][1]}"]
    tail = [f"{encoded[1]}{x}{encoded[1]}{y}" if i == 0 else f"{x} {y}" for i, (x, y) in enumerate(encoded[0].tolist())]
    found = decode_trace(",".join(head + tail), [Channel("X"), Channel("Y")], "a trace")
    assert found.tolist() == rows.tolist()


@pytest.mark.parametrize(
    ("trace", "last"),
    [("1 2, 5 *", (5, 2)), ("1 2, '3 '4, * *", (7, 10)), ("1 2, '3 '4, \"1 \"1, * *", (1 + 3 + 4 + 5, 2 + 4 + 5 + 6))],
)
def test_a_star_repeats_what_the_sign_speaks_of(trace, last):
    assert tuple(decode_trace(trace, [Channel("X"), Channel("Y")], "a trace")[-1]) == last


def test_groups_are_samples_with_their_own_texts():
    one, two = read(
        INK + '<annotation type="writer">7</annotation>'
        '<traceGroup><annotation type="text">a</annotation><trace>1 2</trace>'
        "<traceGroup><trace>3 4, 5 6</trace></traceGroup></traceGroup>"
        '<traceGroup><annotation type="truth">b</annotation><annotation type="writer">8</annotation>'
        "<trace>0 0</trace></traceGroup></ink>"
    )
    assert [stroke.tolist() for stroke in one.strokes()] == [[[1, -2]], [[3, -4], [5, -6]]]
    assert (one.text, one.writer, two.text, two.writer) == ("a", "7", "b", "8")


def test_views_refer_to_traces_and_what_no_view_shows_is_a_sample_too():
    found = read(
        INK + '<trace id="t1">1 1</trace><trace id="t2">2 2</trace><trace id="t3">3 3</trace>'
        '<traceGroup><annotation type="text">ab</annotation><traceView traceDataRef="#t2"/>'
        '<traceView traceDataRef="#t1"/></traceGroup></ink>'
    )
    assert [(sample.points[:, 0].tolist(), sample.text) for sample in found] == [([2, 1], "ab"), ([3], None)]


def test_a_text_of_the_whole_ink_makes_one_sample():
    """As the files of the CROHME competition have it: groups name single symbols."""
    (found,) = read(
        INK + '<annotation type="truth">$x$</annotation><trace id="0">1 1</trace>'
        '<traceGroup><annotation type="truth">x</annotation><traceView traceDataRef="0"/></traceGroup></ink>'
    )
    assert (found.text, len(found)) == ("$x$", 1)


def test_channels_orientation_units_and_parts_of_a_stroke():
    channels = '<channel name="P"/><channel name="Y" orientation="-ve"/><channel name="X"/><channel name="T"/>'
    (found,) = read(
        INK + f'<definitions><context id="c"><traceFormat>{channels}</traceFormat></context></definitions>'
        '<trace contextRef="#c">9 2 1 1500, 9 4 3 1600</trace><trace contextRef="#c" type="penUp">9 9 9 1650</trace>'
        '<trace contextRef="#c" continuation="begin">9 5 5 1700</trace>'
        '<trace contextRef="#c" continuation="end">9 6 6 1800</trace></ink>'
    )
    assert found.points.tolist() == [[1, 2], [3, 4], [5, 5], [6, 6]]
    assert found.last.tolist() == [False, True, False, True]
    assert found.times == pytest.approx([1.5, 1.6, 1.7, 1.8])


RELATIVE = '<traceFormat><channel name="X"/><channel name="Y"/><channel name="T" units="{}"{}/></traceFormat>'


@pytest.mark.parametrize(("units", "ticks"), [("ms", 1), ("us", 1000), ("ns", 1_000_000)])
def test_times_from_the_start_of_each_trace(units, ticks):
    """Offsets are milliseconds whatever the unit of T, and no rounding lets the second trace begin too early."""
    (found,) = read(
        INK + RELATIVE.format(units, "") + f'<trace>1 1 0, 2 2 {9 * ticks}</trace><trace timeOffset="9">3 3 0</trace>'
        f'<trace timeOffset="100.5" continuation="begin">4 4 0, 5 5 {200 * ticks}</trace>'
        f'<trace timeOffset="300.5" continuation="end">6 6 0, 7 7 {20 * ticks}</trace></ink>'
    )
    assert found.times == pytest.approx([0, 0.009, 0.009, 0.1005, 0.3005, 0.3005, 0.3205])


def test_times_that_count_from_a_timestamp_are_not_moved():
    (found,) = read(
        INK + RELATIVE.format("ms", ' respectTo="#ts"') + '<trace timeOffset="500">1 1 500</trace>'
        '<trace timeOffset="800">1 1 800, 2 2 900</trace></ink>'
    )
    assert found.times == pytest.approx([0.5, 0.8, 0.9])


@pytest.mark.parametrize("second", ["", ' continuation="end"', ' timeOffset="10"'])
def test_times_that_fall_from_trace_to_trace_are_left_out(second):
    whole = INK + RELATIVE.format("ms", "")
    falling, rising = (
        read(whole + f"<trace>1 1 0, 2 2 {end}</trace><trace{second}>3 3 0, 4 4 70</trace></ink>")[0] for end in (90, 0)
    )
    assert falling.times is None and len(falling) == 4
    assert rising.times is not None


def test_times_that_a_point_leaves_out_are_left_out():
    whole = INK + RELATIVE.format("ms", "") + "<trace>1 1 0, 2 2{}</trace><trace>3 3 90</trace></ink>"
    (found,), (timed,) = (read(whole.replace("{}", time)) for time in ("", " 50"))
    assert found.times is None and found.points[:, 0].tolist() == [1, 2, 3]
    assert timed.times == pytest.approx([0, 0.05, 0.09])


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("", ("must hold traces", "a.inkml")),
        ("<trace>1 2, 3</trace>", ("point 2 of trace 1 of sample 1 of a.inkml", "'3'")),
        ("<trace>1 2, 3 x</trace>", ("point 2", "'3 x'")),
        ("<trace>1 2 3</trace>", ("2 to 2 values", "traceFormat")),
        ("<trace>1 ?</trace>", ("sample 1 of a.inkml", "finite", "point 1")),
        ("<trace> </trace>", ("sample 1 of a.inkml", "stroke 1")),
        ('<traceGroup><traceView traceDataRef="#no"/></traceGroup>', ("'#no' of a.inkml", "same file")),
        ('<traceGroup id="g"><traceView traceDataRef="#g"/></traceGroup>', ("'#g' of a.inkml",)),
        ('<trace id="t">1 2</trace><traceView traceDataRef="#t" from="2"/>', ("whole traces",)),
        ('<traceFormat><channel name="X"/><channel name="Z"/></traceFormat><trace>1 2</trace>', ("X and Y", "X, Z")),
        (TIMED + "<trace>1 2 3 4, 1 2 2 4</trace>", ("sample 1 of a.inkml", "never fall", "point 2")),
        (TIMED + '<trace timeOffset="soon">1 2 3 4</trace>', ("timeOffset", "sample 1 of a.inkml", "'soon'")),
        (TIMED.replace('"s"', '"min"') + "<trace>1 2 3 4</trace>", ("unit of T", "'min'")),
    ],
)
def test_refusals(body, parts, refused):
    with refused(*parts, error=ValueError):
        read(INK + body + "</ink>")

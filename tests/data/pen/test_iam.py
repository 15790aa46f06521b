from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.pen.made import write
from unspool.data.pen.read import read_inks

POINTS = '<Point x="{0}" y="100" time="{0}.5"/><Point x="{0}" y="140" time="{0}.75"/>'
LINE = (
    "<?xml version='1.0' encoding='ISO-8859-1'?><WhiteboardCaptureSession><WhiteboardDescription>"
    '<SensorLocation corner="top_left"/></WhiteboardDescription><StrokeSet>'
    f'<Stroke colour="black">{POINTS.format(10)}</Stroke><Stroke colour="black">{POINTS.format(20)}</Stroke>'
    "</StrokeSet></WhiteboardCaptureSession>"
)
FORM = LINE.replace("<StrokeSet>", '<General><Form id="a01-000u" writerID="10035"/></General><StrokeSet>')
ASCII = "OCR:\n\nA MOVE\nto\n\nCSR:\n\nA MOVE to stop\nMr. Gaitskell from\n"


def archive(root: Path, wrapped: bool) -> Path:
    """The folders as the archives unpack, each in one of its own or side by side; gives the second line's file."""
    lines, texts, forms = (
        root / (f"{name}{ending}" if wrapped else "") / name
        for name, ending in (("lineStrokes", "-all"), ("ascii", "-all"), ("original", "-xml-part"))
    )
    write(texts / "a01/a01-000/a01-000u.txt", ASCII)
    write(forms / "a01/a01-000/strokesu.xml", FORM)
    write(lines / "a01/a01-000/a01-000u-01.xml", LINE)
    return write(lines / "a01/a01-000/a01-000u-02.xml", LINE)


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_line_finds_its_text_and_writer(tmp_path, wrapped):
    (found,) = read_inks(archive(tmp_path, wrapped))
    assert found.points.tolist() == [[10, -100], [10, -140], [20, -100], [20, -140]]
    assert found.last.tolist() == [False, True, False, True]
    assert found.times.tolist() == [10.5, 10.75, 20.5, 20.75]
    assert (found.text, found.writer) == ("Mr. Gaitskell from", "10035")


def test_a_folder_gives_lines_and_not_the_forms_they_were_cut_from(tmp_path):
    archive(tmp_path, wrapped=True)
    assert [sample.text for sample in read_inks(tmp_path)] == ["A MOVE to stop", "Mr. Gaitskell from"]


def test_a_line_alone_has_neither(tmp_path):
    (found,) = read_inks(write(tmp_path / "b.xml", LINE))
    assert (len(found), found.text, found.writer) == (4, None, None)
    (found,) = read_inks(write(tmp_path / "f.xml", FORM))
    assert found.writer == "10035"


def test_refusals(tmp_path, refused):
    with refused("numbers x, y and time", "b.xml"):
        read_inks(write(tmp_path / "b.xml", LINE.replace('x="10"', 'x="ten"')))
    with refused("b.xml", "times must never fall", "point 2"):
        read_inks(write(tmp_path / "b.xml", LINE.replace('time="10.75"', 'time="1"')))
    with refused("b.xml", "at least one stroke"):
        read_inks(write(tmp_path / "b.xml", "<WhiteboardCaptureSession><StrokeSet/></WhiteboardCaptureSession>"))

from __future__ import annotations

import pytest

from unspool.data.pen import markup
from unspool.data.pen.markup import numbers_of, parse_xml

LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


def test_names_lose_their_namespaces():
    root = parse_xml(b'<i:a xmlns:i="urn:x" xml:id="1" i:k="2" n="&lt;&#65;">t<i:b/>u</i:a>', "a.xml")
    assert (root.tag, root.attrib, root[0].tag) == ("a", {"id": "1", "k": "2", "n": "<A"}, "b")
    assert (root.text, root[0].tail) == ("t", "u")


def test_a_document_type_that_declares_nothing_is_passed_over():
    head = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    assert parse_xml(f"{head}<svg/>".encode(), "a.svg").tag == "svg"


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        OUTSIDE,
        "<!DOCTYPE a [<!ELEMENT a ANY>]><a/>",
        '<!DOCTYPE a SYSTEM "a.dtd"><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://x/y"> %p;]><a/>',
    ],
)
def test_declarations_and_entities_are_refused(text, refused):
    with refused("must declare no entities", "a.xml", "line 1"):
        parse_xml(text.encode(), "a.xml")


def test_what_is_no_xml_is_refused_with_its_place(refused):
    with refused("well-formed", "a.xml", "line 2"):
        parse_xml(b"<a>\n<b></a>", "a.xml")
    with refused("well-formed", "a.xml"):
        parse_xml(b"", "a.xml")
    with refused("well-formed", "a.xml"):
        parse_xml(b"<a>&b;</a>", "a.xml")
    with refused("well-formed", "a.xml", "klingon"):
        parse_xml(b'<?xml version="1.0" encoding="klingon"?><a/>', "a.xml")


def test_depth_and_size_have_bounds(refused, monkeypatch):
    assert parse_xml(b"<a>" * 100 + b"</a>" * 100, "a.xml").tag == "a"
    with refused("100 deep", "a.xml"):
        parse_xml(b"<a>" * 101 + b"</a>" * 101, "a.xml")
    monkeypatch.setattr(markup, "LARGEST", 3 << 20)
    with refused("3 MiB", "a.xml has 4"):
        parse_xml(b" " * (4 << 20), "a.xml")


def test_numbers_need_no_blanks_between_them(refused):
    assert numbers_of(" 1,-2.5.5e1-3\n+4 ", "a list") == [1, -2.5, 5, -3, 4]
    assert numbers_of("", "a list") == []
    with refused("a list has 'x'"):
        numbers_of("1 x 2", "a list")

"""XML as a tree, for files from anywhere: no DTD, no entities, nothing fetched, and bounds on size and depth.

A document type that only names itself (`<!DOCTYPE svg PUBLIC ...>`, as drawing programs write) is passed over and never
fetched; one with declarations in it, and every entity that is not one of XML's own five, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from unspool.errors import DataError

LARGEST: Final = 1 << 27  # bytes
DEEPEST: Final = 100  # elements inside each other
BEYOND: Final = 1e12  # no drawing is as large
NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def parse_xml(data: bytes, origin: str) -> Element:
    """The root element; names without their namespaces, `xml:id` as `id`.

    Raises:
        DataError: not well-formed, declarations or entities, deeper than 100 elements, larger than 128 MiB.
    """
    if len(data) > LARGEST:
        raise DataError(
            f"an XML file may have {LARGEST >> 20} MiB, but {origin} has {len(data) >> 20}; cut it into several files"
        )
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise DataError(
                f"elements may lie {DEEPEST} deep inside each other, but those of {origin} lie deeper at line "
                f"{parser.CurrentLineNumber}; save it with fewer groups"
            )
        builder.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(name))

    def doctype(name: str, system: str | None, public: str | None, declares: int) -> None:
        if declares:
            refuse()

    def refuse(*declared: object) -> int:
        raise DataError(
            f"XML must declare no entities or other types, since these can blow up a small file, but {origin} does at "
            f"line {parser.CurrentLineNumber}; save it without a DTD (as plain SVG, if it is a drawing)"
        )

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = doctype, refuse
    parser.SkippedEntityHandler = parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(data, True)
    except DataError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two: encodings that are not known
        raise DataError(
            f"XML must be well-formed, but {origin} is not ({error}); save it again, it may be cut short"
        ) from error
    return builder.close()


def numbers_of(text: str, where: str) -> list[float]:
    """The numbers of a list that blanks, commas or nothing but a sign or a second point divide.

    Raises:
        DataError: anything else stands in it, or a number is beyond 1e12.
    """
    found = [float(number) for number in NUMBER.findall(text)]
    rest = NUMBER.sub("", text).replace(",", " ").strip()
    if rest or any(abs(number) > BEYOND for number in found):
        wrong = rest[:20] or max(found, key=abs)
        raise DataError(f"numbers up to {BEYOND:g} were expected, but {where} has {wrong!r}; save the file again")
    return found


def text_within(element: Element, *names: str) -> Iterator[str]:
    """The text of each child with one of the names, without blanks around it, if there is any."""
    for child in element:
        if child.tag in names and (text := "".join(child.itertext()).strip()):
            yield text


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]

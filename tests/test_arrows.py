"""The house has floors: who may import whom, and how large a room's furniture may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "unspool"

# Room -> what it may import besides itself. A room is a folder or a file directly under src/unspool; an entry
# with a dot opens one file of a room. `train` and `probe` know a task by its protocol only; a
# probe looks into cells and layers, so it knows those by name.
LEAVES = ["errors", "spec"]
CHOICE = [*LEAVES, "sampling", "draws"]
MODELS = [*LEAVES, "cells", "engine", "heads"]
PROTOCOL = [*LEAVES, "draws", "cells.state", "webpage", "figure"]
NETWORKS = ["cells", "engine", "heads", "nets", "nn", "decode"]
BELOW_TASKS = [*CHOICE, "data", "ink", *NETWORKS, "training", "probe", "webpage", "figure"]
MAY_IMPORT: dict[str, list[str]] = {
    "errors": [],
    "webpage": [],
    "figure": LEAVES,
    "spec": ["errors"],
    "sampling": LEAVES,
    "draws": LEAVES,
    "data": LEAVES,
    "ink": [*LEAVES, "data", "figure", "webpage"],
    "cells": [*LEAVES, "draws"],
    "heads": [*LEAVES, "draws"],
    "engine": [*LEAVES, "draws", "cells"],
    "nn": [*LEAVES, "cells", "engine"],
    "nets": MODELS,
    "decode": [*CHOICE, "cells.state"],
    "training": [*PROTOCOL, "engine.products"],
    "probe": [*PROTOCOL, "cells", "engine", "training.protocol"],
    "tasks": BELOW_TASKS,
    "cli": [*BELOW_TASKS, "tasks", "__init__"],
    "studio": [*BELOW_TASKS, "tasks"],
    "__init__": [*BELOW_TASKS, "tasks"],
    "__main__": ["cli"],
}

FILE_LINES = 400
FUNCTION_LINES = 60


def modules(source: Path) -> dict[str, Path]:
    """Dotted name inside the package -> file; a folder's own name stands for its `__init__.py`."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of all that a file imports, at the top, in functions, under a condition, and by
    `import_module("...")` with a literal name. A relative import comes out with its leading dots."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = "." * level + (module or "")
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in names)
            case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]):
                called = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
                if called in {"import_module", "__import__"}:
                    yield node.lineno, name


def target(name: str, known: dict[str, Path]) -> str | None:
    """The module of ours that a dotted name leads to: `unspool.cells.state.detach` -> `cells.state`."""
    parts = name.split(".")
    if parts[0] != "unspool":
        return None
    inside = parts[1:]
    for end in range(len(inside), 0, -1):
        if ".".join(inside[:end]) in known:
            return ".".join(inside[:end])
    # No module of ours: the room if it names one, else something of the package's own __init__.
    return inside[0] if inside and inside[0] in MAY_IMPORT else "__init__"


def opens(entry: str, module: str) -> bool:
    return module == entry or module.startswith(entry + ".")


def wrong_arrows(source: Path) -> list[str]:
    known = modules(source)
    wrong = []
    for module, path in known.items():
        room = module.split(".")[0]
        where = path.relative_to(source)
        if room not in MAY_IMPORT:
            wrong.append(f"{where}: `{room}` is no room of the house; see MAY_IMPORT")
            continue
        for line, name in imports(ast.parse(path.read_text(encoding="utf-8"))):
            if name.startswith("."):
                wrong.append(f"{where}:{line}: `{name}` is relative; write it from `unspool` on")
                continue
            to = target(name, known)
            if to is not None and not any(opens(entry, to) for entry in [room, *MAY_IMPORT[room]]):
                wrong.append(f"{where}:{line}: {room} may not import {to}")
    return wrong


def too_large(source: Path) -> list[str]:
    large = []
    for path in sorted(source.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(source)
        if (lines := len(text.splitlines())) > FILE_LINES:
            large.append(f"{where}: {lines} lines, the stop sign stands at {FILE_LINES}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    large.append(f"{where}:{node.lineno}: {node.name} has {lines}, not {FUNCTION_LINES} lines")
    return large


def test_no_arrow_points_up() -> None:
    assert wrong_arrows(SOURCE) == []


def test_nothing_is_too_large() -> None:
    assert too_large(SOURCE) == []


def test_there_is_something_to_check() -> None:
    assert {"errors", "spec"} <= set(modules(SOURCE))


def test_the_rooms_stand_on_floors() -> None:
    """The table itself has no circle: every room can be reached from the ground up."""
    built: set[str] = set()
    while (
        ready := {room for room, below in MAY_IMPORT.items() if {entry.split(".")[0] for entry in below} <= built}
        - built
    ):
        built |= ready
    assert built == set(MAY_IMPORT)


HOUSE = [
    *("__init__.py", "errors.py", "cells/__init__.py", "cells/state.py", "data/text.py", "engine/layers.py"),
    *("nets/sequence.py", "training/protocol.py", "training/loop.py", "tasks/__init__.py"),
    "tasks/language/language.py",
]


@pytest.mark.parametrize(
    ("file", "line", "allowed"),
    [
        ("nets/x.py", "from unspool.cells import LSTM", True),
        ("nets/x.py", "import numpy.random", True),
        ("training/x.py", "from unspool.cells.state import detach", True),
        ("training/x.py", "from unspool.cells import state", True),
        ("training/x.py", "from unspool.training.protocol import Task", True),
        ("probe/x.py", "from unspool.training import protocol", True),
        ("cli/x.py", "def verb():\n    from unspool.tasks.language.language import Language", True),
        ("training/x.py", "from unspool.cells import LSTM", False),
        ("probe/x.py", "from unspool.training.loop import train", False),
        ("engine/x.py", "from unspool.nets.sequence import Net", False),
        ("engine/x.py", "from unspool import nets", False),
        ("engine/x.py", "def late():\n    import unspool.nets.sequence", False),
        ("engine/x.py", "import importlib\nimportlib.import_module('unspool.nets.sequence')", False),
        ("engine/x.py", "if TYPE_CHECKING:\n    from unspool.tasks.language.language import Language", False),
        ("data/x.py", "from unspool.cells.state import detach", False),
        ("cells/x.py", "from unspool.data.text import read", False),
        ("heads/x.py", "from unspool.cells import LSTM", False),
        ("probe/x.py", "from unspool.tasks import TASKS", False),
        ("errors.py", "import unspool", False),
        ("spec.py", "from unspool import load", False),
        ("cells/x.py", "from .state import detach", False),
        ("cells/x.py", "from . import state", False),
        ("cli/x.py", "from unspool.studio.server import serve", False),
        ("helpers.py", "import math", False),
        ("extras/x.py", "import math", False),
    ],
)
def test_a_planted_import_is_judged(tmp_path: Path, file: str, line: str, allowed: bool) -> None:
    for name in {*HOUSE, file}:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert wrong_arrows(tmp_path) == ([] if file not in {"helpers.py", "extras/x.py"} else wrong_arrows(tmp_path))
    (tmp_path / file).write_text(line + "\n", encoding="utf-8")
    found = wrong_arrows(tmp_path)
    assert (found == []) is allowed, found
    assert all(fault.startswith(file) for fault in found)


def test_a_planted_giant_is_seen(tmp_path: Path) -> None:
    body = "    pass\n"
    (tmp_path / "fits.py").write_text("def f():\n" + body * 59 + "\n" * 340, encoding="utf-8")
    assert too_large(tmp_path) == []
    (tmp_path / "giant.py").write_text("def f():\n" + body * 60 + "\n" * 340, encoding="utf-8")
    assert [fault.split(":")[0] for fault in too_large(tmp_path)] == ["giant.py", "giant.py"]


PAGE = SOURCE.parents[1] / "docs" / "architecture.md"


def drawn(page: str) -> set[str]:
    """The files in the tree of src/unspool: names at the start of a line, or behind a folder's `name/ ...:`."""
    tree = page.partition("src/unspool/\n")[2].partition("\nnative/")[0]
    found, folder = set(), ""
    for line in tree.splitlines():
        depth = len(line) - len(line.lstrip())
        folder = folder if depth == 4 else ""
        entry = line.split()[0]
        if entry.endswith("/"):
            folder = entry
        found |= {folder + name for name in re.findall(r"(?<![\w./])[a-z0-9_]+\.py\b", line)}
    return found


def test_the_tree_in_the_docs_is_the_tree_on_disk() -> None:
    files = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")}
    told = drawn(PAGE.read_text(encoding="utf-8"))
    # a folder's __init__.py is the line of the folder
    assert {name for name in files if name.count("/") == 0 or not name.endswith("__init__.py")} == told


def test_a_tree_is_read_as_drawn() -> None:
    page = """```text
src/unspool/
  __init__.py          names; knows no torch.py
  decode/              from scores to symbols
    loop.py              generate
    beam.py words.py     two
  nn.py                drop-ins
  heads/               base.py (Head), categorical.py
native/                C++
"""
    inside = {"decode/loop.py", "decode/beam.py", "decode/words.py", "heads/base.py", "heads/categorical.py"}
    assert drawn(page) == {"__init__.py", "torch.py", "nn.py", *inside}

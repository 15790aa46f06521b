"""The source imports only what pyproject.toml asks for, and late what only an extra brings."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMPORTED_AS = {"kaldi-native-fbank": "kaldi_native_fbank", "pillow": "PIL", "scikit-learn": "sklearn"}


def names(requirements: list[str]) -> set[str]:
    """`["torch>=2.6", "pillow"]` -> `{"torch", "PIL"}`"""
    found = {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements}
    return {IMPORTED_AS.get(name, name) for name in found - {"unspool"}}


CORE = names(PROJECT["dependencies"])
EXTRAS = {extra: names(needs) for extra, needs in PROJECT["optional-dependencies"].items() if extra != "test"}


def strangers(node: ast.AST, late: bool = False) -> Iterator[tuple[int, str, bool]]:
    """(line, package, late) of every import from outside; one in a function or for types only is late."""
    for child in ast.iter_child_nodes(node):
        found: list[str] = []
        if isinstance(child, ast.Import):
            found = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and child.level == 0:
            found = [child.module or ""]
        for name in found:
            if (top := name.split(".")[0]) not in sys.stdlib_module_names and top != "unspool":
                yield child.lineno, top, late
        types_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from strangers(child, late or types_only or function)


def undeclared(source: str) -> list[str]:
    optional = set().union(*EXTRAS.values())
    return [
        f"{line}: {name}"
        for line, name, late in strangers(ast.parse(source))
        if name not in CORE and not (late and name in optional)
    ]


def test_every_import_is_declared() -> None:
    found = {
        str(path.relative_to(ROOT)): wrong
        for path in sorted((ROOT / "src").rglob("*.py"))
        if (wrong := undeclared(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_a_planted_import_is_judged() -> None:
    assert undeclared("import torch.nn\nfrom numpy import array\nimport json") == []
    assert undeclared("def f():\n    import pandas") == []
    assert undeclared("import pandas") == ["1: pandas"]
    assert undeclared("def f():\n    import requests") == ["2: requests"]


def test_every_requirement_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9._-]+==[0-9][0-9a-z.]*", pin) for pin in pins), "no range, no +build, no spaces"
    asked = {*CORE, *names(PROJECT["optional-dependencies"]["test"]), *set().union(*EXTRAS.values())}
    assert asked <= {IMPORTED_AS.get(name, name) for name in (pin.split("==")[0] for pin in pins)}

"""A model file in which anything is wrong is refused with a sentence, or makes a task that works."""

from __future__ import annotations

import json
import random
import resource
import time
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unspool
from tests.tasks.made import model_bytes, waves
from tests.tasks.pen.made import inks
from tests.tasks.transcribing.made import signs
from unspool.errors import UnspoolError
from unspool.tasks.language.language import Language
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.transcribing.transcriber import Transcriber
from unspool.tasks.whole.classifier import Classifier

KINDS = (
    ("language", {}), ("language", {"unit": "byte"}), ("classifier", {"pooling": "attention"}), ("waves", {}),
    ("handwriting", {"longest": 20}), ("handwriting", {"longest": 20, "prediction": True}),
    ("transcriber", {}),
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 2**31, 2**63, 10**30, 10**400, -(10**400), 0.5, -1.0, 1e308, float("nan"), float("inf"),
    "", "lstm", "gru", "byte", "char", "last", "attention", "\ud800", "x" * 5000, [], [1], [[]], {}, {"a": 1},
)  # fmt: skip


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    """Nothing may ask for more than 4 GiB beyond what is in use."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def try_out(path: Path) -> bool:
    """Load and use a file; return whether it was accepted."""
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            use(unspool.load(path))
        accepted = True
    except UnspoolError:
        accepted = False
    assert time.monotonic() - began < 10
    return accepted


def use(task: Any) -> None:
    if isinstance(task, Language):
        task.sample(length=2)
        task.score("the")
    elif isinstance(task, Handwriting):
        alphabet = task.reader.alphabet
        task.write(None if alphabet is None else alphabet.symbols[-1], points=2)
        task.evaluate(inks()[:3])
    elif isinstance(task, Transcriber):
        task.transcribe(signs(3))
    else:
        assert isinstance(task, Classifier)
        task.predict(["yab", ""] if task.text else waves(2)[0])


def parts(raw: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, document in it, and tensors."""
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    return header, json.loads(header["__metadata__"]["document"]), raw[8 + size :]


def joined(header: dict[str, Any], document: Any, tensors: bytes) -> bytes:
    header = {**header, "__metadata__": {**header["__metadata__"], "document": json.dumps(document)}}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + tensors


def noisy(raw: bytes, source: random.Random) -> bytes:
    """Flip, insert, delete, repeat or cut bytes, mostly near the start, where the header is."""
    changed = bytearray(raw)
    for _ in range(source.choice((1, 1, 2, 8))):
        end = len(changed) if source.random() < 0.3 else min(len(changed), 2500)
        place = source.randrange(max(1, end))
        kind = source.randrange(5)
        if kind == 0 and changed:
            changed[place % len(changed)] ^= 1 << source.randrange(8)
        elif kind == 1:
            changed[place:place] = source.randbytes(source.randint(1, 9))
        elif kind == 2:
            del changed[place : place + source.randint(1, 9)]
        elif kind == 3:
            del changed[place:]
        else:
            changed[place:place] = changed[place : place + source.randint(1, 64)]
    return bytes(changed)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a JSON tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def altered(tree: Any, source: random.Random) -> Any:
    """The tree with one value replaced or left out."""
    copy = json.loads(json.dumps(tree))
    *way, key = source.choice(list(places(copy)))
    place = copy
    for step in way:
        place = place[step]
    if source.random() < 0.2:
        del place[key]
    else:
        place[key] = source.choice(VALUES)
    return copy


def mutant(raw: bytes, source: random.Random) -> bytes:
    kind = source.randrange(3)
    if kind == 0:
        return noisy(raw, source)
    header, document, tensors = parts(raw)
    if kind == 1:
        for _ in range(source.choice((1, 1, 2))):
            document = altered(document, source)
        return joined(header, document, tensors)
    metadata = header.pop("__metadata__")
    header = altered(header, source)
    if source.random() < 0.3 and header:
        name = source.choice(list(header))
        if isinstance(header[name], dict):
            header[name]["dtype"] = source.choice(("F16", "F64", "I32", "U8", "F8_E4M3", "C64", "BOOL", "F4", "U64"))
    return joined({**header, "__metadata__": metadata}, document, tensors)


def swarm(folder: Path, count: int, seed: int) -> None:
    accepted = 0
    path = folder / "mutant.safetensors"
    for number in range(count):
        source = random.Random(f"{seed} {number}")
        kind, options = source.choice(KINDS)
        path.write_bytes(mutant(model_bytes(kind, **options), source))
        try:
            accepted += try_out(path)
        except Exception as error:
            (folder / "failed.safetensors").write_bytes(path.read_bytes())
            pytest.fail(f"mutant {number} of seed {seed}: {error!r}")
    assert count * 0.02 < accepted < count * 0.7  # neither all nor none of them are still models


def test_the_files_are_models(tmp_path: Path) -> None:
    for kind, options in KINDS:
        raw = model_bytes(kind, **options)
        (tmp_path / "model").write_bytes(raw)
        assert try_out(tmp_path / "model")
        header, document, tensors = parts(raw)
        (tmp_path / "model").write_bytes(joined(header, document, tensors))
        assert try_out(tmp_path / "model")


def test_400_mutants(tmp_path: Path) -> None:
    swarm(tmp_path, 400, 1)


@pytest.mark.slow
def test_10000_mutants(tmp_path: Path) -> None:
    swarm(tmp_path, 10_000, 2)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_cut_anywhere(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    raw = model_bytes(kind, **options)
    path = tmp_path / "cut.safetensors"
    for length in (*range(20), *np.linspace(20, len(raw) - 1, 40).astype(int)):
        path.write_bytes(raw[:length])
        assert not try_out(path), length


def test_sizes_that_no_machine_has(tmp_path: Path) -> None:
    """The options alone ask for terabytes; nothing is made before the sizes of the weights were compared."""
    header, document, tensors = parts(model_bytes("language"))
    for name, value in product(("hidden_size", "embedding_size"), (65536, 20_000)):
        asked = {**document, "options": {**document["options"], name: value, "layers": 64}}
        (tmp_path / "large.safetensors").write_bytes(joined(header, asked, tensors))
        assert not try_out(tmp_path / "large.safetensors")


def test_values_that_would_fail_later(tmp_path: Path) -> None:
    def refuse(kind: str, change: Any) -> None:
        header, document, tensors = parts(model_bytes(kind))
        change(document)
        (tmp_path / "odd.safetensors").write_bytes(joined(header, document, tensors))
        with pytest.raises(UnspoolError):
            unspool.load(tmp_path / "odd.safetensors")

    refuse("language", lambda d: d["options"].update(unit="byte"))
    refuse("language", lambda d: d["data"].update(vocabulary={"unit": "byte"}))
    refuse("language", lambda d: d["options"].update(dropout=10**400))
    refuse("waves", lambda d: d["data"]["scaling"].update(mean=0.0))
    refuse("waves", lambda d: d["data"]["scaling"].update(std=[0.0]))
    refuse("waves", lambda d: d["data"]["scaling"].update(std=[1.0, 1.0]))
    refuse("waves", lambda d: d["data"]["scaling"].update(mean=[float("nan")]))
    refuse("waves", lambda d: d["data"].update(classes=["only one"]))

"""unspool: recurrent neural networks on your own sequences.

    import unspool
    run = unspool.train("language", ["shakespeare.txt"], minutes=3)
    print(run.model.sample("ROMEO:", length=400, temperature=0.8))

Public names are imported when they are first used, so that `import unspool` itself is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PLACES = {
    "train": "unspool.tasks.start",
    "begin": "unspool.tasks.start",
    "resume": "unspool.tasks.start",
    "load": "unspool.tasks.load",
    "export": "unspool.tasks.export",
    "Text": "unspool.data.sources",
    "read_series": "unspool.data.timeseries",
    "resample": "unspool.data.resample",
    "Strokes": "unspool.data.pen.strokes",
    "read_inks": "unspool.data.pen.read",
    "Page": "unspool.ink.options",
    "write_ink": "unspool.ink.write",
    "accelerate": "unspool.nn",
    "restore": "unspool.nn",
    "kernels": "unspool.engine.dispatch",
    "explain": "unspool.engine.dispatch",
    "nn": "unspool.nn",
    "UnspoolError": "unspool.errors",
}

__all__ = ["__version__", *_PLACES]

if TYPE_CHECKING:
    from unspool import nn as nn
    from unspool.data.pen.read import read_inks as read_inks
    from unspool.data.pen.strokes import Strokes as Strokes
    from unspool.data.resample import resample as resample
    from unspool.data.sources import Text as Text
    from unspool.data.timeseries import read_series as read_series
    from unspool.engine.dispatch import explain as explain
    from unspool.engine.dispatch import kernels as kernels
    from unspool.errors import UnspoolError as UnspoolError
    from unspool.ink.options import Page as Page
    from unspool.ink.write import write_ink as write_ink
    from unspool.nn import accelerate as accelerate
    from unspool.nn import restore as restore
    from unspool.tasks.export import export as export
    from unspool.tasks.load import load as load
    from unspool.tasks.start import begin as begin
    from unspool.tasks.start import resume as resume
    from unspool.tasks.start import train as train


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'unspool' has no attribute {name!r}")
    module = importlib.import_module(_PLACES[name])
    value = module if _PLACES[name] == f"unspool.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

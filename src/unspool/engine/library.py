"""The native engine's shared library: found, loaded, and its C structures; None of it knows torch's graph."""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import POINTER, Structure, c_char_p, c_double, c_int, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Final

import torch

from unspool.errors import SpecError

NAMES: Final = ("libunspool_native.so", "libunspool_native.dylib", "unspool_native.dll")
ISAS: Final = ("amx", "avx512", "avx2", "base")
NO_MEMORY: Final = 1


class Layer(Structure):
    """`unspool_layer`: one layer in one direction."""

    _fields_ = (
        ("cell", c_int32),
        ("reverse", c_int32),
        ("steps", c_int64),
        ("batch", c_int64),
        ("input", c_int64),
        ("hidden", c_int64),
        *((name, c_void_p) for name in ("lengths", "x", "h0", "c0")),
        *((name, c_void_p) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "peephole")),
        ("threads", c_int32),
        ("bfloat16", c_int32),
    )


class Gradients(Structure):
    """`unspool_gradients`: what backward reads of forward, and where it writes."""

    _fields_ = tuple(
        (name, c_void_p)
        for name in (
            *("y", "saved", "dy", "dhn", "dcn"),
            *("dx", "dh0", "dc0", "dweight_ih", "dweight_hh", "dbias_ih", "dbias_hh", "dpeephole"),
        )
    )


@cache
def library() -> ctypes.CDLL | None:
    """The library, ready to be called; None where it was not built."""
    path = _path()
    if path is None:
        return None
    native = ctypes.CDLL(str(path))
    native.unspool_saved_size.restype = c_int64
    native.unspool_saved_size.argtypes = [POINTER(Layer)]
    native.unspool_forward.argtypes = [POINTER(Layer), *[c_void_p] * 4]
    native.unspool_backward.argtypes = [POINTER(Layer), POINTER(Gradients)]
    native.unspool_isa.restype = native.unspool_best_isa.restype = c_char_p
    native.unspool_use_isa.argtypes = [c_char_p]
    native.unspool_use_isa.restype = c_int
    native.unspool_peak_operations.restype = native.unspool_peak_bandwidth.restype = c_double
    native.unspool_peak_operations.argtypes = [c_int]
    native.unspool_peak_bandwidth.argtypes = [c_int, c_int64]
    native.unspool_use_openmp.argtypes = [c_void_p] * 3
    _share_threads(native)
    return native


def absence() -> str:
    """Why there is no library."""
    return "the native engine was not built: it needs a C++17 compiler when unspool is installed"


def asked() -> str:
    """What UNSPOOL_KERNELS asks for: on, off, or an instruction set."""
    return os.environ.get("UNSPOOL_KERNELS", "on")


_isa = "the instructions in use"


def isa() -> str:
    """The instruction set that runs: amx, avx512, avx2 or base.

    Raises:
        SpecError: UNSPOOL_KERNELS asks for one that this processor or this build does not have.
    """
    global _isa
    if torch.compiler.is_compiling():  # which cannot look into ctypes; what was in use before is in use still
        return _isa
    native = library()
    assert native is not None
    name = asked() if asked() in ISAS else native.unspool_best_isa().decode()
    if native.unspool_isa().decode() != name and native.unspool_use_isa(name.encode()) != 0:
        best = native.unspool_best_isa().decode()
        raise SpecError(
            f"UNSPOOL_KERNELS={name} needs a processor, a system and a build with {name}, "
            f"the best here is {best}; unset it"
        )
    _isa = name
    return name


def vectors() -> str:
    """The instruction set of the float32 products: amx has tiles for bfloat16 alone."""
    return "avx512" if isa() == "amx" else isa()


@cache
def _bfloat16(_: str) -> bool:
    native = library()
    return native is not None and bool(native.unspool_has_bfloat16())


def has_bfloat16() -> bool:
    """Whether the native kernels can multiply in bfloat16, with the instructions in use."""
    return library() is not None and _bfloat16(isa())


def check(status: int) -> None:
    """Raise for what a function of the library returned."""
    if status == NO_MEMORY:
        raise MemoryError("there is not enough memory for this network, batch and window")
    if status != 0:
        raise RuntimeError(f"the native engine returned {status}")


def _path() -> Path | None:
    """Beside the package; an editable installation of a source tree keeps it where its other files are.

    UNSPOOL_NATIVE_LIBRARY, for tests: another build of the library.
    """
    if other := os.environ.get("UNSPOOL_NATIVE_LIBRARY"):
        return Path(other)
    package = Path(__file__).parents[1]
    folders = [package]
    if (package.parents[1] / "CMakeLists.txt").is_file():
        folders += [Path(entry) / "unspool" for entry in sys.path]
    return next((folder / name for folder in folders for name in NAMES if (folder / name).is_file()), None)


def _share_threads(native: ctypes.CDLL) -> None:
    """Let the kernels run in torch's own OpenMP threads: two pools on the same cores would wait for each other."""
    bundled = sorted(Path(torch.__file__).parent.glob("lib/libgomp*.so*"))
    bundled += sorted((Path(torch.__file__).parents[1] / "torch.libs").glob("libgomp*.so*"))
    for path in bundled:
        openmp = ctypes.CDLL(str(path))
        functions = (openmp.GOMP_parallel, openmp.omp_get_thread_num, openmp.omp_get_num_threads)
        native.unspool_use_openmp(*(ctypes.cast(function, c_void_p) for function in functions))
        return

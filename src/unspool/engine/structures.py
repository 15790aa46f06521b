"""The generators' part of the native library: its C structures and functions."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_double, c_int32, c_int64, c_uint64, c_void_p
from functools import cache

from unspool.engine.library import library


class PlannedLayer(Structure):
    """`unspool_plan_layer`."""

    _fields_ = (
        *(("cell", c_int32), ("hidden", c_int64), ("rows", c_int64)),
        *((name, c_void_p) for name in ("table", "weight_below", "weight_hh", "bias_hh", "peephole")),
    )


class Plan(Structure):
    """`unspool_plan`."""

    _fields_ = (
        *(("vocabulary", c_int64), ("layers", c_int64), ("layer", POINTER(PlannedLayer))),
        *(("skip", c_int32), ("weight", c_void_p), ("bias", c_void_p), ("weights", c_int32)),
    )


class Sampling(Structure):
    """`unspool_sampling`."""

    _fields_ = (
        *((name, c_double) for name in ("temperature", "top_p", "min_p")),
        *(("top_k", c_int64), ("seed", c_uint64)),
    )


class Generation(Structure):
    """`unspool_generation`."""

    _fields_ = (
        *(("batch", c_int64), ("steps", c_int64), ("state", c_void_p), ("scores", c_void_p)),
        *(("sampling", Sampling), ("samples", c_void_p), ("first", c_uint64), ("left", c_int64)),
        *(("utf8", c_void_p), ("ids", c_void_p), ("log_probs", c_void_p), ("threads", c_int32)),
    )


class PenPlan(Structure):
    """`unspool_pen_plan`."""

    _fields_ = (
        *(("plan", Plan), ("symbols", c_int64), ("components", c_int64)),
        *((name, c_void_p) for name in ("weight_input", "weight", "bias")),
    )


class PenCall(Structure):
    """`unspool_pen_call`."""

    _fields_ = (
        *((name, c_int64) for name in ("batch", "steps", "texts")),
        *((name, c_void_p) for name in ("values", "ends", "state", "kappa", "window", "point")),
        *(("sharpness", c_double), ("seed", c_uint64), ("samples", c_void_p), ("first", c_uint64)),
        *((name, c_void_p) for name in ("points", "phi", "count", "finished")),
        ("threads", c_int32),
    )


@cache
def pen_library() -> ctypes.CDLL | None:
    """The library; None where it was not built, or from an earlier source."""
    native = generation_library()
    if native is None or not hasattr(native, "unspool_pen_write"):
        return None
    native.unspool_pen_create.restype = c_void_p
    native.unspool_pen_create.argtypes = [POINTER(PenPlan)]
    native.unspool_pen_write.argtypes = [c_void_p, POINTER(PenCall)]
    return native


@cache
def generation_library() -> ctypes.CDLL | None:
    """The library; None where it was not built, or from an earlier source."""
    native = library()
    if native is None or not hasattr(native, "unspool_generate"):
        return None
    native.unspool_generator_create.restype = c_void_p
    native.unspool_generator_create.argtypes = [POINTER(Plan)]
    native.unspool_generator_free.restype = None
    native.unspool_generator_free.argtypes = [c_void_p]
    native.unspool_generator_bytes.restype = c_int64
    native.unspool_generator_bytes.argtypes = [c_void_p]
    native.unspool_generate.argtypes = [c_void_p, POINTER(Generation)]
    native.unspool_step.argtypes = [c_void_p, c_int64, *[c_void_p] * 3, c_int32]
    return native

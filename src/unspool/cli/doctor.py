"""`unspool doctor`: what this machine has, and whether unspool computes right on it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import platform
from typing import Any

from unspool import __version__
from unspool.cli.streams import print_json, print_table, remark

EXTRAS = {
    "text": {"tokenizers": "tokenizers", "zstandard": "zstandard"},
    "series": {"pandas": "pandas", "pyarrow": "pyarrow", "scipy": "scipy"},
    "pictures": {"matplotlib": "matplotlib", "PIL": "pillow"},
    "baselines": {"sklearn": "scikit-learn"},
    "sound": {"soundfile": "soundfile", "soxr": "soxr", "kaldi_native_fbank": "kaldi-native-fbank"},
    "transcripts": {"jiwer": "jiwer"},
}
"""Extra of the package -> what it brings: the name to import, and the one to install."""


def doctor(*, json: bool = False) -> int:
    """Print versions and hardware, and check on this very machine that different ways give the same numbers.

    Exits with 1 if a self-check is not within its tolerance.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    import torch

    from unspool.cli.selfchecks import checks

    machine, extras, kernels = _machine(), _extras(), _kernels()
    devices = [torch.device("cpu")] + ([torch.device("cuda")] if torch.cuda.is_available() else [])
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # TF32 rounds to 10 bits, by design
        found = [check for device in devices for check in checks(device)]
    failed = [check.name for check in found if not check.passed]
    if json:
        rows = [{**check._asdict(), "passed": check.passed} for check in found]
        print_json({**machine, "extras": extras, "kernels": kernels, "checks": rows, "passed": not failed})
    else:
        shown = {name: version or "not installed" for name, version in extras.items()}
        print_table({**machine, **shown, **{f"kernel {name}": told for name, told in kernels.items()}})
        print("\nself-checks: largest error, relative to the largest value")
        width = max(len(check.name) for check in found)
        for check in found:
            error = check.reason or ("nan" if math.isnan(check.error) else f"{check.error:.1e}")
            verdict = "ok" if check.passed else "WRONG"
            print(f"{verdict:<6} {check.name:<{width}} {error} (tolerance {check.tolerance:.0e})")
    if failed:
        remark(
            f"unspool: {len(failed)} of {len(found)} self-checks failed ({'; '.join(failed)}); do not trust its results"
        )
    return 1 if failed else 0


def _machine() -> dict[str, Any]:
    import numpy
    import torch

    cuda = torch.cuda.is_available()
    return {
        "unspool": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "platform": platform.platform(),
        "cpu": platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "onednn": torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]
        "cuda": torch.cuda.get_device_name() if cuda else False,
        "mps": torch.backends.mps.is_available(),
    }


def _extras() -> dict[str, str | None]:
    """The version of each optional library, None where Python finds none; importing them all would take seconds."""
    found: dict[str, str | None] = {}
    for extra, names in EXTRAS.items():
        for name, package in names.items():
            there = importlib.util.find_spec(name) is not None
            found[f"{package} ({extra})"] = _version(package) if there else None
    return found


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # a copy on the path that was never installed
        return "of unknown version"


def _kernels() -> dict[str, str]:
    """What can run a cell over time here."""
    from unspool.engine.dispatch import KERNELS, enabled
    from unspool.engine.library import absence, has_bfloat16, isa
    from unspool.engine.native import BUILT

    state = "in use where it can" if enabled() else "switched off by UNSPOOL_KERNELS"
    found = {"loop": "any cell, any device"} | {kernel.name: state for kernel in KERNELS}
    if not BUILT:
        return found | {"native": absence()}
    return found | {"native": f"{state}, {isa()}, {'with' if has_bfloat16() else 'without'} bfloat16 products"}

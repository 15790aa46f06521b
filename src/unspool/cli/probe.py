"""`unspool probe RUN [DATA]`: gradients through time, recurrent matrices and gates of a trained network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json, remark
from unspool.errors import SpecError

if TYPE_CHECKING:
    from unspool.probe.gates import Activity
    from unspool.probe.gradient import Flow
    from unspool.probe.matrices import Stretch

COLUMNS = (0, 1, 2, 5, 10, 20, 50, 100)


def probe(
    run: str,
    *data: Annotated[str, Parameter(help="Files; the held-out part of the training data otherwise.")],
    text: str | None = None,
    steps: int = 100,
    unknown: Literal["fail", "skip", "replace"] | None = None,
    json: bool = False,
    output: str | None = None,
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> None:
    """Look inside a trained network: how far gradients reach back, what its matrices stretch, what its gates do.

    Parameters
    ----------
    run
        Run folder or model file.
    text
        The text itself, in place of files.
    steps
        How many steps to follow the gradient back.
    unknown
        What to do with characters that the model does not know.
    json
        Print one JSON object with the gradient at every step.
    output
        Draw a picture into this file, .png, .svg or .pdf.
    """
    from unspool.cli.models import open_model
    from unspool.data.sources import Text
    from unspool.figure import check_format
    from unspool.probe.gates import activities
    from unspool.probe.gradient import gradient_flow
    from unspool.probe.matrices import stretches
    from unspool.probe.picture import draw
    from unspool.tasks.load import with_own_data

    _check(data, text, steps)
    if output is not None:
        check_format(Path(output))
    machine.apply()
    task = open_model(run, machine.device, unknown)
    given = list(data) if data else None
    source = task if text is not None or data else with_own_data(run, task)
    shown = source.specimen(given if text is None else Text(text), steps)
    if shown.steps < steps:
        remark(f"what there is to read ends after {shown.steps} steps back, not {steps}")
    flows = gradient_flow(task.model, lambda batch: task.loss(batch, None).sum, [shown.batch], shown.steps)
    matrices = stretches(task.model)
    gates = activities(task.model, lambda batch: task.loss(batch, None), [shown.batch])
    if output is not None:
        remark(f"picture: {draw(flows, gates, matrices, Path(output))}")
    if json:
        told = {"run": run, "task": task.name, "read": shown.told, "steps": shown.steps}
        print_json({**told, **_found(flows, matrices, gates)}, indent=None)
        return
    _print_flows(flows, shown.told, shown.steps)
    _print_matrices(matrices)
    _print_gates(gates)


def _check(data: Sequence[str], text: str | None, steps: int) -> None:
    if text is not None and data:
        raise SpecError("probe reads either DATA or --text, got both; give one of them")
    if not 1 <= steps <= 100_000:
        raise SpecError(f"--steps must be between 1 and 100000, got {steps}")


def _found(flows: Sequence[Flow], matrices: Sequence[Stretch], gates: Sequence[Activity]) -> dict[str, Any]:
    return {
        "gradient": [{**asdict(flow), "rate": flow.rate} for flow in flows],
        "matrices": [asdict(matrix) for matrix in matrices],
        "activity": [asdict(gate) for gate in gates],
    }


def _print_flows(flows: Sequence[Flow], told: str, steps: int) -> None:
    columns = [k for k in COLUMNS if k <= steps]
    print(f"gradient: norm of d loss / d state, k steps before the last; mean over {told}")
    print(f"{'':<20}" + "".join(f"{f'k={k}':>10}" for k in columns) + f"{'a step':>10}")
    for flow in flows:
        cells = "".join(f"{_number(flow.norms[k], '.2e'):>10}" for k in columns)
        print(f"{_name(flow, flow.state):<20}{cells}{_number(flow.rate, '.3f', 'x '):>10}")
    counts = flows[0].sequences if flows else ()
    if counts and min(counts) < counts[0]:
        print(f"{'sequences so long':<20}" + "".join(f"{counts[k]:>10}" for k in columns))


def _print_matrices(matrices: Sequence[Stretch]) -> None:
    print("\nrecurrent matrices: what they do to a state in one step (singular value) and in many (spectral radius)")
    print(f"{'':<20}{'singular value':>16}{'spectral radius':>17}")
    for matrix in matrices:
        note = ""
        if matrix.limit is not None:
            forced = matrix.singular_value < matrix.limit
            note = f"  gradient {'must vanish: below' if forced else 'may explode: above'} {matrix.limit:g}"
        print(f"{_name(matrix, matrix.gate):<20}{matrix.singular_value:>16.3f}{matrix.spectral_radius:>17.3f}{note}")


def _print_gates(gates: Sequence[Activity]) -> None:
    print("\ngates, memory and output: mean, range, share of units and steps that is saturated")
    print(f"{'':<20}{'mean':>9}{'smallest':>10}{'largest':>10}   saturated")
    for gate in gates:
        low = f"{gate.below:6.1%} at most {gate.low:g}"
        high = f", {gate.above:6.1%} above {gate.high:g}" if math.isfinite(gate.high) else ""
        values = f"{gate.mean:>9.3f}{gate.smallest:>10.3f}{gate.largest:>10.3f}"
        print(f"{_name(gate, gate.name):<20}{values}   {low}{high}")


def _name(found: Flow | Stretch | Activity, letter: str) -> str:
    return " ".join(filter(None, [f"layer {found.layer}", found.direction, letter]))


def _number(value: float, form: str, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{sign}{value:{form}}"

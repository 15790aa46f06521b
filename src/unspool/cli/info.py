"""`unspool info RUN`: what a run or model file is."""

from __future__ import annotations

from typing import Any

from unspool.cli.streams import print_json, print_table


def info(run: str, *, json: bool = False) -> None:
    """Print what a model is: task, size, its card, options, data, result.

    Parameters
    ----------
    run
        Run folder, model file, or the name of a model that comes with unspool.
    json
        Print one JSON object.
    """
    from unspool.tasks.shelf import describe_model

    found = describe_model(run)
    if json:
        print_json(found)
        return
    for title, part in found.items():
        if isinstance(part, dict):
            print(f"{title}:")
            print_table(
                {f"  {name}": _short(value) for name, value in part.items() if name != "confusion"},
                spaces=title != "tensors",
            )
        elif isinstance(part, list):
            print(*part, sep="\n", end="\n" if part else "")
        else:
            print(f"{title.replace('_', ' ')}: {part}" if title != "card" else f"\n{str(part).strip()}\n")


def _short(value: Any) -> Any:
    text = str(value)
    return value if len(text) <= 100 else text[:97] + "..."

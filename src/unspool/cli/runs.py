"""`unspool runs`: the runs in a folder."""

from __future__ import annotations

from pathlib import Path

from unspool.cli.streams import print_json, remark


def runs(folder: str = "runs", *, json: bool = False) -> None:
    """List the runs in a folder with their task, state and best validation loss.

    Parameters
    ----------
    folder
        Where to look.
    json
        Print one JSON object.
    """
    from unspool.tasks.shelf import list_runs

    found = list_runs(Path(folder))
    if json:
        print_json({"folder": folder, "runs": found})
        return
    if not found:
        remark(f"there is no run in {folder}; unspool train makes one")
    for row in found:
        loss = f"{row['validation_loss']:.4f}" if row["validation_loss"] is not None else "-"
        print(f"{row['run']}\t{row['task']}\t{row['state']}\tupdate {row['step']}\t{loss}")

"""What comes with the package beside its code: trained models, by name."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from unspool.errors import CheckpointError
from unspool.training.folder import LAST, MODEL

ENDING = ".safetensors"


def shelf() -> Traversable:
    """The folder of the package that holds them."""
    return files("unspool") / "models"


def names() -> list[str]:
    """Return the names of the models that this installation has."""
    if not shelf().is_dir():
        return []
    return sorted(item.name.removesuffix(ENDING) for item in shelf().iterdir() if item.name.endswith(ENDING))


def model_file(name: str | Path) -> Path:
    """Return the model file of a run folder, a model file itself, or the file of a model that comes with the package.

    A folder or file of that name in the working directory wins.

    Raises:
        CheckpointError: there is neither.
    """
    path = Path(name)
    file = path / MODEL if path.is_dir() else path
    if file.is_file():
        return file
    plain = str(name) == path.name and not path.suffix  # as names of models are
    shipped = shelf() / f"{name}{ENDING}"
    if path.exists():
        other = f"; rename it to reach the model {name!r} of the package" if plain and shipped.is_file() else ""
        onward = f"; go on with: unspool resume {path}" if (path / LAST).is_file() else ""
        raise CheckpointError(f"there is no model file at {file}: {path} exists, but holds no model yet{other}{onward}")
    if plain and shipped.is_file():
        return Path(str(shipped))
    if plain:
        has = ", ".join(names()) or "none"
        raise CheckpointError(
            f"there is no model file at {path}, and this installation has no model of that name (it has {has}); give "
            "a run folder or a model file of unspool"
        )
    raise CheckpointError(f"there is no model file at {path}; give a run folder or a model file of unspool")

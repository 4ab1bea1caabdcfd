"""Write a synthetic cohort of CTs atomically."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from survembed.datasets.volume.phantom import write_phantom
from survembed.errors import DataError
from survembed.progress import QUIET, Reporter


def phantom(
    folder: Path,
    *,
    n_subjects: int = 300,
    seed: int = 0,
    effect: float = 1.0,
    age_effect: float = 0.0,
    stage_effect: float = 0.0,
    reporter: Reporter = QUIET,
) -> None:
    """Write a phantom cohort; see `survembed.datasets.volume.phantom.write_phantom`.

    Parameters
    ----------
    folder
        Must be empty or missing; it is created when all files are written.

    Raises
    ------
    DataError
        If `folder` is not empty, or cannot be written.
    """
    temporary = folder.absolute().with_name(f".{folder.absolute().name}.{uuid.uuid4().hex[:8]}")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(f"'{folder.name}' is not empty", where=str(folder), expected="an empty or missing folder")
        write_phantom(
            temporary,
            n_subjects,
            seed,
            effect,
            reporter=reporter,
            age_effect=age_effect,
            stage_effect=stage_effect,
        )
        temporary.rename(folder.absolute())
    except OSError as error:
        raise DataError(
            f"cannot write '{folder.name}': {error.strerror or error}",
            where=str(folder),
            expected="a folder that can be written, with space left",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

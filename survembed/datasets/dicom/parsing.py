"""Errors of the DICOM libraries as errors of survembed; the libraries are the extra `dicom`."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from survembed.errors import DataError, PluginError

_WARNING_FILTERS = threading.RLock()
"""Warning filters belong to the process: only one thread may change and restore them at a time."""


def require_pydicom() -> None:
    """Check that pydicom and highdicom are installed.

    Raises
    ------
    PluginError
        If they cannot be imported.
    """
    try:
        import highdicom  # noqa: F401
        import pydicom  # noqa: F401
    except ImportError as error:
        raise PluginError(
            f"DICOM files require pydicom and highdicom: {error}",
            expected="survembed with its extra 'dicom'",
            try_="pip install 'survembed[dicom]'",
        ) from error


@contextmanager
def parsing(path: Path, description: str) -> Iterator[None]:
    """Turn any error of a parser into a `DataError` about `description`; warnings of the parser are dropped."""
    try:
        with _WARNING_FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # raised by the system, not by a parser
            raise DataError(
                f"cannot read {description}: {error.strerror}", where=str(path), expected="a readable file"
            ) from error
        if "missing dependencies" in str(error) or "unable to decompress" in str(error).lower():
            raise DataError(
                f"no decoder for the compressed pixels of {description}",
                where=str(path),
                try_="pip install pylibjpeg pylibjpeg-openjpeg pylibjpeg-libjpeg, or decompress them with dcmdjpeg",
            ) from error
        raise DataError(
            f"{description} is damaged: {type(error).__name__}", where=str(path), try_="download or export it again"
        ) from error

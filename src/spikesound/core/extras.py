"""Packages that the use of a trained model does not need, by the extra that installs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spikesound.core.errors import SpikesoundError

PIPELINE = (
    "dvc",
    "dvclive",
    "filelock",
    "jinja2",
    "librosa",
    "lightning_fabric",
    "pandas",
    "pooch",
    "pyarrow",
    "pyloudnorm",
    "requests",
    "scipy",
    "sklearn",
    "torchaudio",
    "upath",
    "yaml",
    "yt_dlp",
)
"""Names under which the packages of the extra ``pipeline`` are imported."""


def missing(error: ModuleNotFoundError, extra: str = "pipeline") -> SpikesoundError | None:
    """Return the error for a package that an extra installs; None: it is no such package.

    Parameters
    ----------
    extra : that is asked for, of those that install the package
    """
    package = (error.name or "").split(".")[0]
    if package not in PIPELINE:
        return None
    return SpikesoundError(
        f"package {package!r} is not installed: pip install 'spikesound[{extra}]'"
    )


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Report a package that is not installed as one that an extra installs.

    Raises
    ------
    SpikesoundError
        If an import fails for it; the message says how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (mistake := missing(error, extra)) is None:
            raise
        raise mistake from error

"""A partial download, which is continued only where the server gives the rest of the same version.

yt-dlp adds to a part whatever it is given. The rest of a recording that was replaced meanwhile, or
of another stretch of it, would be sound that nobody ever recorded, and decodes without an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from yt_dlp.networking.exceptions import HTTPError, TransportError


class CannotContinueError(TransportError):  # type: ignore[misc]
    """The server does not give the rest of what lies in the part."""


class Partial:
    """The part of a recording that has come so far, and a note of the version that it is of.

    Parameters
    ----------
    place
        Where the whole recording is to lie. yt-dlp writes to ``place.part``; ``place.tag`` holds
        the server's ETag, or its date of change.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.part = place.with_name(place.name + ".part")
        self._tag = place.with_name(place.name + ".tag")

    def ask(self, request: Any) -> None:
        """Ask for the rest only if the recording is still of the version that the part is of."""
        if "Range" in request.headers and self._tag.is_file():
            request.headers["If-Range"] = self._known()

    def check(self, request: Any, response: Any) -> None:
        """Check that an answer is the whole, or the rest that was asked for.

        Raises
        ------
        CannotContinueError
            If it is another stretch, or of another version.
        """
        asked = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
        given = response.headers.get("Content-Range", "")
        if response.status == 206 and (asked is None or not given.startswith(f"bytes {asked[1]}-")):
            raise CannotContinueError(f"status 206 with another range than asked for: {given!r}")
        version = _version(response.headers)
        if response.status == 206 and asked is not None and asked[1] != "0":
            if version and self._tag.is_file() and self._known() != version:
                raise CannotContinueError("the recording was replaced since its first part came")
        elif version:
            self._tag.write_text(version, encoding="latin-1")
        else:
            self._tag.unlink(missing_ok=True)

    def settle(self, error: CannotContinueError) -> bool:
        """Tell whether the part is the whole, which then lies in its place; else delete the part.

        A transfer that was stopped after its last byte, and before the file got its name, cannot be
        continued: the server says 416, and how long the recording is.
        """
        cause = error.cause
        size = self.part.stat().st_size if self.part.is_file() else None
        if (
            isinstance(cause, HTTPError)
            and cause.response.headers.get("Content-Range") == f"bytes */{size}"
        ):
            self.part.replace(self.place)
            return True
        self.delete()
        return False

    def tidy(self) -> None:
        """Delete the note of a part that is no longer there."""
        if not self.part.is_file():
            self._tag.unlink(missing_ok=True)

    def _known(self) -> str:
        return self._tag.read_text(encoding="latin-1")

    def delete(self) -> None:
        """Delete the part and the note; the next attempt starts at the first byte."""
        self.part.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)

    def remains(self) -> bool:
        """Tell whether the recording, a part or a note is there: a kill may leave any of them."""
        return any(path.is_file() for path in (self.place, self.part, self._tag))

    def clear(self) -> None:
        """Delete the recording, the part and the note, once the clips are cut."""
        self.place.unlink(missing_ok=True)
        self.delete()


def _version(headers: Any) -> str:
    strong: str = headers.get("ETag", "")
    changed: str = headers.get("Last-Modified", "")
    return changed if not strong or strong.startswith("W/") else strong

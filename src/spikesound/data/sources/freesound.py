"""Freesound: a search for each label by its API, version 2, and the sounds' previews.

Source: https://freesound.org/docs/api/resources_apiv2.html. The token is the user's own, from the
environment variable FREESOUND_TOKEN. What a search found is kept, so that a rerun has the same
sounds; each sound's author and licence stand in credits.csv beside it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_json
from spikesound.data.sources.collection import Collection
from spikesound.data.sources.dealing import deal_all
from spikesound.data.sources.remote import TIMEOUT_S, again
from spikesound.data.sources.tables import Origin, Rejected, Row

FIELDS = ("id", "name", "tags", "license", "username", "duration", "previews")
PREVIEW = "preview-hq-mp3"
PAGE_SOUNDS = 150  # the most that Freesound gives at a time
TOKEN = "FREESOUND_TOKEN"

Sound = dict[str, Any]


class Freesound(Collection):
    """A clip is a whole preview; a recording, which folds keep whole, is all of an uploader's.

    Sounds that several searches find have several labels.
    """

    name = "freesound"
    backoff_s: ClassVar[float] = 10.0  # a token has 60 requests a minute

    def rows(self) -> tuple[list[Row], list[Rejected]]:
        sounds = self._sounds
        uploads: dict[str, set[str]] = {}
        for sound in sounds.values():
            uploads.setdefault(sound["username"], set()).update(sound["labels"])
        folds = deal_all(uploads, self.params.folds, self.name)
        rows: list[Row] = []
        rejected: list[Rejected] = []
        for media_id, sound in sounds.items():
            author, end_s = sound["username"], round(float(sound["duration"]), 6)
            origin = Origin(sound["file"], 0, f"{media_id} {sound['name']}")
            if not _preview(sound):
                rejected.append((origin, f"no {PREVIEW} at a web address"))
            elif not end_s > 0:
                rejected.append((origin, f"a length of {end_s:g} s"))
            else:
                labels = tuple(sound["labels"])
                rows.append(Row(origin, media_id, author, 0.0, end_s, labels, folds[author]))
        self._write_credits(sounds)
        return rows, rejected

    def locate(self, media_id: str) -> str:
        sound = self._sounds.get(media_id)
        if sound is None:
            raise SpikesoundError(f"source freesound: {media_id!r} is in none of the searches")
        return _preview(sound)

    @cached_property
    def _sounds(self) -> dict[str, Sound]:
        """Results of all searches, by media id: each sound with its labels and its origin."""
        if not self.params.queries:
            raise SpikesoundError("sources.freesound.queries: empty; give each label its search")
        sounds: dict[str, Sound] = {}
        for label, query in self.params.queries.items():
            kept, found = self._found(label, query)
            for sound in found:
                one = sounds.setdefault(str(sound["id"]), sound | {"labels": [], "file": str(kept)})
                one["labels"].append(label)
        return sounds

    def _found(self, label: str, query: str) -> tuple[Path, list[Sound]]:
        """Return the results of a search, and the file that keeps them; Freesound is asked once."""
        asked = {"query": query, "filter": self._filter(), "fields": ",".join(FIELDS)}
        wanted = self.params.clips_per_label
        key = hashlib.sha256(json.dumps([self.params.api, asked, wanted]).encode()).hexdigest()
        cached = self.cache / self.name / f"search-{key[:20]}.json"
        if cached.is_file():
            return cached, _checked(read_json(cached, "delete it"), str(cached))
        sounds = self._search(asked, f"sources.freesound.queries.{label}")
        if not sounds:
            raise SpikesoundError(f"sources.freesound.queries.{label}: {query!r} finds nothing")
        cached.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(cached) as file:
            file.write(json.dumps(sounds, indent=1).encode())
        return cached, sounds

    def _filter(self) -> str:
        parts = [f"duration:[0 TO {self.params.longest_s:g}]"]
        for licence in self.params.licences:
            if '"' in licence:
                raise SpikesoundError(f"sources.freesound.licences: {licence!r} has a quote in it")
        if self.params.licences:
            any_of = " OR ".join(f'"{licence}"' for licence in self.params.licences)
            parts.append(f"license:({any_of})")
        return " ".join(parts)

    def _search(self, asked: dict[str, str], what: str) -> list[Sound]:
        """Request page after page, until there are as many sounds as wanted or no more."""
        token = os.environ.get(TOKEN, "").strip()
        if not token:
            raise SpikesoundError(
                f"source freesound: the environment variable {TOKEN} is not set;"
                " https://freesound.org/apiv2/apply gives you a token"
            )
        wanted: int = self.params.clips_per_label
        sounds: list[Sound] = []
        size = {"page_size": str(min(PAGE_SOUNDS, wanted))}
        url: str | None = f"{self.params.api.rstrip('/')}/search/"
        query: dict[str, str] | None = asked | size
        while url is not None and len(sounds) < wanted:
            page = again(partial(_page, url, query, token), what, backoff_s=self.backoff_s)
            if not isinstance(page, dict):
                raise SpikesoundError(f"{what}: the answer is not one of Freesound's")
            sounds += _checked(page.get("results"), what)
            url, query = self._next(page, what), None  # it has the query in it
        return sounds[:wanted]

    def _next(self, page: dict[str, Any], what: str) -> str | None:
        """Return the address of the page after this one; the token goes to no other host."""
        url, api = page.get("next"), urlsplit(self.params.api)
        if url is None:
            return None
        if urlsplit(str(url)).netloc != api.netloc:
            raise SpikesoundError(f"{what}: the next page is at another host: {url}")
        return urlsplit(str(url))._replace(scheme=api.scheme).geturl()

    def _write_credits(self, sounds: dict[str, Sound]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["id", "name", "author", "licence", "address"])
        for media_id, sound in sounds.items():
            address = f"https://freesound.org/s/{media_id}/"
            writer.writerow([media_id, sound["name"], sound["username"], sound["license"], address])
        with written_aside(self.cache / self.name / "credits.csv") as file:
            file.write(text.getvalue().encode())


def _page(url: str, query: dict[str, str] | None, token: str) -> object:
    # In the header, not in the address: an address ends up in logs and messages.
    headers = {"Authorization": f"Token {token}"}
    answer = requests.get(url, params=query, headers=headers, timeout=TIMEOUT_S)
    if answer.status_code == 401:
        raise SpikesoundError(f"source freesound: Freesound refuses the token in {TOKEN}")
    answer.raise_for_status()
    content: object = answer.json()
    return content


def _checked(sounds: object, what: str) -> list[Sound]:
    """Return the sounds if they have all fields that are needed."""
    kinds = {"id": int, "name": str, "license": str, "username": str, "duration": int | float}
    if not isinstance(sounds, list):
        raise SpikesoundError(f"{what}: expected a list of sounds")
    for sound in sounds:
        fields = sound if isinstance(sound, dict) else {}
        for name, kind in kinds.items():
            if not isinstance(fields.get(name), kind):
                raise SpikesoundError(f"{what}: a sound without {name}: {str(sound)[:80]}")
    return sounds


def _preview(sound: Sound) -> str:
    """Return the web address of the preview, or an empty text."""
    previews = sound.get("previews")
    url = previews.get(PREVIEW) if isinstance(previews, dict) else None
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""

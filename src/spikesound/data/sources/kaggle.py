"""A dataset of Kaggle, fetched by its official client and read like a folder of your own."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from spikesound.core.errors import SpikesoundError
from spikesound.data.sources.archive import inside, unpack
from spikesound.data.sources.folder import BESIDE, Folder

_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9][A-Za-z0-9_-]*(/[0-9]+)?")


class Kaggle(Folder):
    """``dataset`` is owner/name, or owner/name/version; the other paths lie in it.

    The credentials are the client's own affair: KAGGLE_API_TOKEN, or KAGGLE_USERNAME and
    KAGGLE_KEY, or the files that it keeps in ~/.kaggle.
    """

    name = "kaggle"

    @cached_property
    def top(self) -> Path:
        folder = self._within("folder", self.params.folder)
        if not folder.is_dir():
            raise SpikesoundError(
                f"sources.kaggle.folder: {self.params.dataset} has no folder {self.params.folder!r}"
            )
        return folder

    @property
    def table(self) -> Path | None:
        return None if self.params.table is None else self._within("table", self.params.table)

    @property
    def events(self) -> Path | None:
        given = self.params.events
        return None if given in (None, BESIDE) else self._within("events", given)

    def _within(self, key: str, name: str) -> Path:
        path = inside(name)
        if path is None:
            raise SpikesoundError(f"sources.kaggle.{key}: {name!r} leads outside the dataset")
        return self._dataset / path

    @cached_property
    def _dataset(self) -> Path:
        """The folder of the unpacked dataset; it is fetched if it is not there."""
        dataset: str | None = self.params.dataset
        if dataset is None or not _DATASET.fullmatch(dataset):
            raise SpikesoundError(
                f"sources.kaggle.dataset: {dataset!r} is not owner/name or owner/name/version"
            )
        cache, name = self.cache / self.name, dataset.replace("/", "+")
        if (cache / name).is_dir():
            return cache / name
        # What a kill leaves here, the client goes on with.
        incoming = cache / f"{name}.incoming"
        _download(dataset, incoming)
        try:
            return unpack(incoming / f"{dataset.split('/')[1]}.zip", cache / name)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)


def _download(dataset: str, folder: Path) -> None:
    client = _client()
    page = f"https://www.kaggle.com/datasets/{dataset}"
    try:
        client.dataset_download_files(dataset, path=str(folder), quiet=False)
    except requests.HTTPError as error:
        answer = error.response
        status = None if answer is None else answer.status_code
        meaning = {
            401: "Kaggle refuses the credentials",
            403: f"Kaggle refuses it: see if {page} exists, accept its licence, or ask for access",
            404: f"Kaggle has no dataset {dataset!r}",
        }.get(status or 0, f"Kaggle answers {status}: {' '.join(str(error).split())}")
        raise SpikesoundError(f"sources.kaggle.dataset: {dataset}: {meaning}") from error
    except (requests.RequestException, OSError, ValueError) as error:
        raise SpikesoundError(
            f"sources.kaggle.dataset: {dataset}: {' '.join(str(error).split())}"
        ) from error


def _client() -> Any:
    """Return the official client, signed in. It is imported only here: it asks for credentials."""
    printed = io.StringIO()  # where there are none, the client prints a page of advice
    try:
        with contextlib.redirect_stdout(printed):
            from kaggle.api.kaggle_api_extended import KaggleApi

            client = KaggleApi()
            client.authenticate()
    except ImportError as error:
        raise SpikesoundError(
            "source kaggle: the package kaggle is missing; pip install 'spikesound[kaggle]'"
        ) from error
    except (SystemExit, OSError, ValueError) as error:
        raise SpikesoundError(
            "source kaggle: no credentials; set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and"
            " KAGGLE_KEY, or put kaggle.json into ~/.kaggle"
        ) from error
    return client

"""Section ``sources``: where recordings come from, one class a source."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section, Share

Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class RemoteFile(Section):
    """A file on the web, downloaded once and verified by its hash."""

    url: str = Field(description="Address of the file.")
    hash: str | None = Field(
        description="Expected hash, sha256:... or md5:...; null: not verified, the hash is printed."
    )


File = str | RemoteFile


class SourceParams(Section):
    """A source of labelled sound."""

    strong_labels: ClassVar[bool] = False
    """Whether its clips can have onsets and offsets, which detection needs."""

    spikes: ClassVar[bool] = False
    """Whether its clips are spike trains and not sound."""


class ListedParams(SourceParams):
    """A source with segment lists in AudioSet's format, and the location of its recordings."""

    strong_labels = True

    segments: dict[str, File] = Field(
        description="Segment list of each fold, as weak-label CSV or strong-label TSV: a path, or "
        "url and hash; the fold '*' means that the folds are in the file given by `folds`."
    )
    folds: str | None = Field(
        description="CSV with the columns media_id,fold; required if segments has the key '*'; "
        "null: the keys of segments are the folds."
    )
    mirror: str | None = Field(
        description="Location of a recording with {media_id} in it: a path, a web address or an "
        "fsspec address; required for a run of this source."
    )


class AudioSetParams(ListedParams):
    """AudioSet's lists, the location of its recordings, and its labels beside the ontology."""

    names: File | None = Field(
        description="Names of further labels, as mid_to_display_name.tsv of the strong lists: a "
        "path, or url and hash; null: the labels of the ontology only."
    )


class ArchiveParams(SourceParams):
    """A data set that is published as one archive."""

    archive: RemoteFile = Field(description="The published archive.")
    folder: str = Field(
        description="Unpacked copy of the archive; the archive is downloaded if it does not exist."
    )


class Esc10Params(ListedParams):
    """ESC-10's lists, the location of its recordings, and the archive that has both."""

    strong_labels = False

    archive: RemoteFile | None = Field(
        description="ESC-50's archive, of which ESC-10 is a part: the lists are taken from it if "
        "neither segments nor folds exist, the recordings if mirror's folder does not; null: never."
    )
    folder: str = Field(
        description="Unpacked copy of the archive; the archive is downloaded if it does not exist."
    )


class FSDDParams(ArchiveParams):
    """The Free Spoken Digit Dataset."""

    split: Literal["recordings", "speakers", "random"] = Field(
        description="Folds: by index of the recording (the official split), one speaker a fold, or "
        "five drawn at random, with the same speakers in all."
    )


class SpeechCommandsParams(ArchiveParams):
    """Google Speech Commands."""

    words: list[str] = Field(description="Words to keep; empty: all 35.")
    split: Literal["lists", "hash"] = Field(
        description="Folds: by the published lists, or by the rule that made them, a hash of the "
        "speaker."
    )


class SpeechCommands12Params(SpeechCommandsParams):
    """Google Speech Commands with ten commands, other words (unknown) and silence."""

    unknown_share: Share = Field(description="Clips of other words, over those of all commands.")
    silence_share: Share = Field(
        description="Seconds of background noise at most, over the clips of all commands."
    )
    test_archive: RemoteFile | None = Field(
        description="The published test set of twelve classes; null: test on the fold of the lists."
    )
    test_folder: str = Field(description="Unpacked copy of the test set, used if it exists.")


class SpikeTrainsParams(SourceParams):
    """Spike trains in HDF5 files, one for each part; needs h5py."""

    spikes = True

    files: dict[str, RemoteFile] = Field(
        description="The published file of each fold, packed by gzip or not."
    )
    folder: str = Field(
        description="Unpacked copies of the files, by their published names; files that are not "
        "there are downloaded."
    )


class FreesoundParams(SourceParams):
    """Search results of Freesound; needs the environment variable FREESOUND_TOKEN."""

    api: str = Field(description="Address of the API.")
    queries: dict[str, str] = Field(description="Search query of each label.")
    clips_per_label: Count = Field(description="Largest number of clips of a label.")
    longest_s: Positive = Field(description="Longest duration of a clip, s.")
    licences: list[str] = Field(
        description="Accepted licences by Freesound's names, such as Attribution; empty: any."
    )
    folds: int = Field(ge=2, description="Number of folds, split by uploader.")


class FolderParams(SourceParams):
    """Local sound files: one folder per label, a CSV with labels, or label files beside them."""

    strong_labels = True

    folder: str = Field(description="Folder with the sound files.")
    table: str | None = Field(
        description="CSV with the columns file,label and, optionally, start_s,end_s,fold,"
        "recording; null: one folder per label."
    )
    folds: int = Field(
        ge=2, description="Number of folds, split by recording, if the table has no column fold."
    )
    events: str | None = Field(
        description="Labels of sound events, for detection: beside: of Raven, Audacity, JAMS or "
        "CSV, a file beside each sound file; or a CSV with the columns "
        "filename,onset,offset,event_label; null: none."
    )
    cut_s: Positive | None = Field(
        description="Longer recordings are cut into equal clips no longer than this, s; null: "
        "none are cut."
    )


class KaggleParams(FolderParams):
    """A data set of Kaggle; needs KAGGLE_API_TOKEN, KAGGLE_USERNAME and KAGGLE_KEY, or its file."""

    dataset: str | None = Field(
        description="Data set as owner/name or owner/name/version; required for source: kaggle; "
        "folder and table are paths inside it."
    )


class ScenesParams(SourceParams):
    """Synthetic scenes of 10 s for sound event detection, each mixed from one fold's recordings."""

    strong_labels = True

    recordings: Esc10Params = Field(description="Recordings to mix: ESC-10's.")
    scenes_per_fold: Count = Field(description="Number of scenes of each fold.")
    rate_hz: int = Field(ge=8000, le=192000, description="Sampling rate of the scenes, Hz.")
    backgrounds: Annotated[list[str], Field(min_length=1), Distinct] = Field(
        description="Labels (names or ids) used as background; all other labels become events."
    )
    events: Annotated[list[Count], Field(min_length=2, max_length=2)] = Field(
        description="Smallest and largest number of events in a scene, uniformly distributed."
    )
    event_s: Range = Field(
        description="Shortest and longest duration of an event, s; within 0.05 to 10."
    )
    snr_db: Range = Field(
        description="Range of the signal-to-noise ratio of an event over the background during "
        "the event, dB, uniformly distributed."
    )
    background_dbfs: Range = Field(
        description="Range of the background's RMS level, dB of full scale, uniformly "
        "distributed; at most -10."
    )
    active_db: Positive = Field(
        description="Activity threshold, dB below the loudest frame of a recording."
    )
    empty_share: Share = Field(description="Share of the scenes without events.")
    seed: int = Field(ge=0, description="Seed of the random generator.")

    @model_validator(mode="after")
    def _consistent(self) -> ScenesParams:
        for name in ("events", "event_s", "snr_db", "background_dbfs"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} [{low:g}, {high:g}] is not from the lower to the higher")
        if self.event_s[0] < 0.05 or self.event_s[1] > 10:
            raise ValueError(f"event_s {self.event_s} is not within 0.05 s and a scene's 10 s")
        if self.background_dbfs[1] > -10:
            raise ValueError(f"background_dbfs {self.background_dbfs} leaves no room for events")
        return self


class Sources(Section):
    """Where recordings come from: a section for each source."""

    esc10: Esc10Params = Field(description="ESC-10, in the repository.")
    audioset: AudioSetParams = Field(description="AudioSet, from YouTube or from local copies.")
    esc50: ArchiveParams = Field(description="ESC-50.")
    fsdd: FSDDParams = Field(description="Free Spoken Digit Dataset.")
    urbansound8k: ArchiveParams = Field(description="UrbanSound8K.")
    speech_commands: SpeechCommandsParams = Field(description="Google Speech Commands.")
    speech_commands_12: SpeechCommands12Params = Field(
        description="Google Speech Commands with twelve classes."
    )
    shd: SpikeTrainsParams = Field(description="Spiking Heidelberg Digits.")
    ssc: SpikeTrainsParams = Field(description="Spiking Speech Commands.")
    freesound: FreesoundParams = Field(description="Search results of Freesound.")
    kaggle: KaggleParams = Field(description="A data set of Kaggle.")
    folder: FolderParams = Field(description="Local sound files.")
    scenes: ScenesParams = Field(description="Synthetic scenes for sound event detection.")

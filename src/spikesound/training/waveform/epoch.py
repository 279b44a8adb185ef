"""Batches of an epoch from samples: moved, mixed with clips of other classes, made features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.tasks.task import Targets
from spikesound.training.job import Job
from spikesound.training.stream.augment import augment
from spikesound.training.stream.draws import Draws
from spikesound.training.waveform.augment import louder, moved
from spikesound.training.waveform.mix import between_class, partners, spans
from spikesound.training.waveform.waves import Waves

Rows = npt.NDArray[np.integer[Any]]

KIND, RATIO, SPAN = range(40, 43)
"""Purposes of draws, beside those of :mod:`.augment`."""


class WaveformEpoch:
    """The clips of one epoch, augmented as sound; what becomes of one depends on no batch.

    Each clip is moved (:func:`.augment.moved`); then it stays alone, or is mixed with one of
    another class, moved likewise: as a whole (:func:`.mix.between_class`), in a span of time, or,
    as features, in a band of bins. What follows are gain, features, and what
    :func:`spikesound.training.stream.augment.augment` does to these. All draws of a clip are
    functions of (seed, epoch, clip id).

    A teacher processes the same sound, after the gain (Beyer et al. 2022, "Knowledge distillation:
    a good teacher is patient and consistent"); of a band its probabilities of both clips are mixed.
    With ``teacher.variants`` an epoch's sound is that of an earlier one, and so are its answers;
    what is done to features is always new.

    Parameters
    ----------
    job : with ``recipe.augment.waveform``
    waves : of the job's training clips
    epoch : number
    """

    def __init__(self, job: Job, waves: Waves, epoch: int) -> None:
        params = job.recipe.augment.waveform
        assert params is not None
        self.job, self.waves, self.epoch, self.params = job, waves, epoch, params
        how = job.recipe.teacher
        self.variants = None if how is None else how.variants
        self.sound_epoch = epoch if self.variants is None else 1 + (epoch - 1) % self.variants
        self._moved: dict[int, torch.Tensor] = {}  # each clip is needed twice: as a partner, too

    def batch(self, rows: Rows) -> tuple[torch.Tensor, Targets]:
        """Return the input (1, batch, frame, bin) and the targets of clips."""
        job, params, place = self.job, self.params, self.job.fabric.device
        draws = Draws(job.seed, self.sound_epoch, self.waves.numbers[rows])
        mates = partners(job.training.present, rows, job.seed, self.sound_epoch)
        whole, span, band = self._kinds(draws)
        ratio = draws.uniform(RATIO)[:, 0]
        own = torch.ones(len(rows))  # each clip's share of its target
        sound = self._sound(rows)
        if len(whole):
            theirs = self._sound(mates[whole.numpy()])
            rate_hz = self.waves.front_end.rate_hz
            sound[whole] = between_class(sound[whole], theirs, ratio[whole].to(place), rate_hz)
            own[whole] = ratio[whole]
        if len(span):
            inside, share = _spans(sound.shape[1], draws, span, ratio)
            theirs = self._sound(mates[span.numpy()])
            sound[span] = torch.where(inside.to(place), theirs, sound[span])
            own[span] = 1 - share
        sound = louder(sound, params, draws)
        x, taught = self.waves.features(sound), self._taught(sound, rows, "mixed")
        if len(band):
            inside, share = _spans(x.shape[3], draws, band, ratio)
            others = mates[band.numpy()]
            theirs = self._sound(others)
            x[band] = torch.where(
                inside[:, None, None].to(place), self.waves.features(theirs), x[band]
            )
            own[band] = 1 - share
            of_them = self._taught(theirs, others, "moved")
            for table, other in zip(taught, of_them, strict=True):
                table[band] = own[band, None] * table[band] + (1 - own[band, None]) * other
        own_draws = Draws(job.seed, self.epoch, self.waves.numbers[rows], place)
        x = augment(x, job.recipe.augment, own_draws, spikes=False)
        weight = own.numpy()[:, None]
        targets = weight * self._labels(rows) + (1 - weight) * self._labels(mates)
        labels = job.task.targets(targets.astype(np.float32), None)
        return x.transpose(0, 1).contiguous(), (*labels, *taught)

    def _kinds(self, draws: Draws) -> Iterator[torch.Tensor]:
        """Return which clips of a batch are mixed as a whole, in a span, and in a band."""
        shares = (self.params.between, self.params.spans, self.params.bands)
        drawn, ends = draws.uniform(KIND)[:, 0], np.cumsum(shares)
        return (
            torch.nonzero((drawn >= end - share) & (drawn < end))[:, 0]
            for end, share in zip(ends, shares, strict=True)
        )

    def _sound(self, rows: Rows) -> torch.Tensor:
        """Return the waves of clips (clip, sample) as they are moved in this epoch."""
        new = np.array([row for row in dict.fromkeys(rows.tolist()) if row not in self._moved], int)
        if len(new):
            waves = torch.from_numpy(self.waves.samples[new]).to(self.job.fabric.device)
            draws = Draws(self.job.seed, self.sound_epoch, self.waves.numbers[new])
            found = moved(waves, self.params, draws)
            self._moved |= dict(zip(new.tolist(), found.unbind(0), strict=True))
        return torch.stack([self._moved[row] for row in rows.tolist()])

    def _taught(self, sound: torch.Tensor, rows: Rows, kind: str) -> list[torch.Tensor]:
        """Return the teacher's probabilities of clips' sound, in the precision of the training."""
        ids = [self.job.training.ids[row] for row in rows]
        names = None if self.variants is None else [(kind, self.sound_epoch, each) for each in ids]
        with self.job.fabric.autocast():
            return self.waves.taught(sound, ids, names)

    def _labels(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Return the labels of clips, as shares of one where the task has one label a clip."""
        present, _ = self.job.training.labels(rows)  # type: ignore[arg-type]
        return present / present.sum(1, keepdims=True) if self.job.task.shares else present


def _spans(
    size: int, draws: Draws, rows: torch.Tensor, ratio: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    return spans(size, 1 - ratio[rows], draws.uniform(SPAN)[rows, 0])

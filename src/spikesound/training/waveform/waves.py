"""Sound of the clips to train on, and what makes features of it in each batch."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.seeds import derive
from spikesound.features import compute
from spikesound.features.front_end import FrontEnd
from spikesound.features.waves import load_waves
from spikesound.training.dataset import Dataset
from spikesound.training.stream.augment import inverse_ranges, prepared


class SoundTeacher(Protocol):
    """What gives class probabilities of sound: :class:`spikesound.training.teacher.Teacher`.

    A training without a teacher does not depend on its code.
    """

    def of_sound(self, waves: torch.Tensor, rate_hz: int, ids: Sequence[str]) -> torch.Tensor:
        """Return probabilities (clip, class) of samples (clip, sample)."""
        ...

    def digest(self) -> str:
        """Return the digest of all that the probabilities depend on."""
        ...


@dataclass(frozen=True)
class Waves:
    """Samples of the clips of a dataset, in its order.

    Attributes
    ----------
    samples : float32 (clip, sample), in full scale, at the front end's rate
    numbers : of each clip, from which its draws derive
    front_end : from samples to features, with the ranges fitted without the held-out fold
    teacher : of sound as it is augmented in each batch; None: no teacher
    answers : the teacher's probabilities of each sound that is met again, by what names it
    """

    samples: npt.NDArray[np.float32]
    numbers: npt.NDArray[np.int64]
    front_end: FrontEnd
    teacher: SoundTeacher | None = None
    answers: dict[Hashable, torch.Tensor] = field(default_factory=dict, compare=False)

    @cached_property
    def _ranges(self) -> tuple[torch.Tensor, torch.Tensor]:
        low, high = (
            np.array(each, np.float32) for each in (self.front_end.low, self.front_end.high)
        )
        return inverse_ranges(low, high)

    def features(self, waves: torch.Tensor) -> torch.Tensor:
        """Return the features of sound (clip, sample), as a dataset has them: in [0, 1].

        Float32 (clip, 1, frame, bin), rounded to half precision.
        """
        low, scale = (each.to(waves.device) for each in self._ranges)
        return prepared(compute(waves, self.front_end.features), len(low), (low, scale))

    def taught(
        self, waves: torch.Tensor, ids: Sequence[str], names: Sequence[Hashable] | None = None
    ) -> list[torch.Tensor]:
        """Return the teacher's probabilities of sound (clip, class), one table; none without it.

        Parameters
        ----------
        ids : of the clips
        names : of the sounds; one with the same name is the same, and not processed again.
            None: none of them is met again
        """
        if self.teacher is None:
            return []
        if names is None:
            return [self.teacher.of_sound(waves, self.front_end.rate_hz, ids)]
        new = [row for row, name in enumerate(names) if name not in self.answers]
        if new:
            chosen = [ids[row] for row in new]
            found = self.teacher.of_sound(waves[new], self.front_end.rate_hz, chosen)
            self.answers.update((names[row], each) for row, each in zip(new, found, strict=True))
        return [torch.stack([self.answers[name] for name in names])]

    def digest(self) -> str:
        """Return the digest of the samples, of what makes features of them, and of the teacher."""
        content = hashlib.sha256(self.front_end.model_dump_json().encode())
        content.update(self.samples.data)
        content.update(b"" if self.teacher is None else self.teacher.digest().encode())
        return content.hexdigest()


def waves_of(
    clips: Dataset, audio: Path, front_end: FrontEnd, teacher: SoundTeacher | None = None
) -> Waves:
    """Return the sound of a dataset's clips; raises as :func:`~.features.waves.load_waves`."""
    samples = load_waves(audio, front_end.features, clips.ids)
    numbers = np.array([derive(0, each) for each in clips.ids], np.int64)
    return Waves(samples, numbers, front_end, teacher)

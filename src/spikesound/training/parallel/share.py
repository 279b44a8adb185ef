"""Which clips of the batch under way are this process's."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch


@dataclass
class BatchShare:
    """This rank's clips of a batch that all ranks divide; set anew for each batch.

    The digital silence that a recipe adds is the last clip of the batch, and the first rank's.

    Attributes
    ----------
    rank, ranks : of this process, and how many there are
    clips : number of clips of the whole batch
    rows : places of this rank's clips in the batch, int64 (clip,)
    """

    rank: int
    ranks: int
    clips: int = 0
    rows: torch.Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    def take(self, clips: int, *, silence: bool) -> None:
        """Set the share of a batch of so many clips: r, r + R, ..., of rank r of R.

        Parameters
        ----------
        silence : whether a clip of silence is added
        """
        self.clips = clips + silence
        self.rows = torch.arange(self.rank, clips, self.ranks)
        if silence and not self.rank:
            self.rows = torch.cat([self.rows, torch.tensor([clips])])

    @property
    def part(self) -> float:
        """Share of the batch's clips, 0 to 1."""
        return len(self.rows) / self.clips

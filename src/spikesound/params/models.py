"""Rows of the table of models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spikesound.params.base import Section

LabelKind = Literal["strong", "weak", "both"]

OUTSIDE = "base/"
"""Folder below data/ of trained models that are no rows of the table."""


class ModelParams(Section):
    """One row of the table of models: a model of one task, from data to results."""

    task: str = Field(description="Task that the model is trained for: one of `tasks`.")
    network: str = Field(description="Architecture: one of `networks`.")
    neuron: str = Field(description="Neuron or activation between its layers: one of `neurons`.")
    method: str = Field(description="Training method: one of `methods`.")
    recipe: str = Field(description="Hyperparameters of the training loop: one of `recipes`.")
    reads: str = Field(description="Input below data/: spikes, or features/<task>.")
    needs: str = Field(
        description="What training needs beside its input, below data/: clips/<task> for the "
        "labels, models/<task>/<name> for a trained model to start from, or base/<name> for one of "
        "other classes."
    )
    labels: LabelKind | None = Field(
        None, description="Detection: labels of frames (strong), of clips (weak), or both."
    )

    @property
    def base(self) -> str | None:
        """Name of the row whose trained model this one starts from; None: of no row."""
        kind, *_, name = self.needs.split("/")
        return name if kind == "models" else None

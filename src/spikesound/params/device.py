"""Section ``device``: where networks are trained, and which of them by several devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.params.base import Count, Section, without

if TYPE_CHECKING:
    from spikesound.params.root import Params
    from spikesound.params.table import Model

OF_RANKS = {"devices": 1, "strategy": "auto"}
"""Values of the device's keys that can be left out."""


class DeviceParams(Section):
    """Where and how precisely networks are trained and evaluated."""

    accelerator: str = Field(
        description="auto, cpu, cuda, mps: Lightning Fabric's accelerators; auto takes the best."
    )
    devices: Count = Field(
        1,
        description="Devices of this machine that train one network together, each with a process: "
        "in stage `train`, models of `dataset: stream`. `torchrun` and `fabric run` set their own "
        "number.",
    )
    strategy: Literal["auto", "ddp"] = Field(
        "auto",
        description="Lightning Fabric's strategy of several devices: `ddp`, distributed data "
        "parallel, which `auto` is too.",
    )
    precision: str = Field(
        description="Lightning Fabric's precision: 32-true, bf16-mixed, 16-mixed."
    )

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without(handler(self), OF_RANKS)


def check_ranks(params: Params, model: Model, count: int) -> None:
    """Check that several processes can train a model together.

    Raises
    ------
    SpikesoundError
        If they cannot; the message names the key and what it must be.
    """
    row, recipe = model.row, model.recipe
    if not model.method_params.streams:
        able = [name for name, each in params.methods.items() if each.streams]
        raise unknown(f"models.{model.name}.method: of {count} devices, method", row.method, able)
    for key, value, wanted in (
        (f"recipes.{row.recipe}.dataset", recipe.dataset, "stream"),
        (f"methods.{row.method}.truncate_steps", _truncation(model), None),
    ):
        if value != wanted:
            raise SpikesoundError(
                f"{key}: {count} devices train model {model.name!r} together; must be "
                f"{wanted or 'null'}, got {value}; or set device.devices: 1"
            )
    if recipe.batch_clips < 2 * count:
        raise SpikesoundError(
            f"recipes.{row.recipe}.batch_clips: expected at least two clips for each of {count} "
            f"devices, got {recipe.batch_clips}"
        )


def _truncation(model: Model) -> int | None:
    steps: int | None = getattr(model.method_params, "truncate_steps", None)
    return steps

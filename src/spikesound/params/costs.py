"""Section ``costs``: energies of operations and memory accesses, each with its source."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section

Dataflow = Literal[
    "no_reuse", "weight_stationary", "input_stationary", "output_stationary", "full_reuse"
]


class ProfileParams(Section):
    """A technology: energies of its operations and widths of its values."""

    mac_pj: Positive = Field(description="Energy of a multiply-accumulate (MAC), pJ.")
    ac_pj: Positive = Field(description="Energy of an accumulate (AC), pJ.")
    weight_bits: Count = Field(description="Width of a weight, bits.")
    activation_bits: Count = Field(description="Width of an activation, bits.")
    state_bits: Count = Field(
        description="Width of a sum, a membrane potential or a recurrent state, bits."
    )
    integer: bool = Field(
        description="Integer arithmetic: a quantised network is counted with its own widths and "
        "cheaper multiplications."
    )
    source: str = Field(description="Publication that the energies are taken from.")


class MemoryParams(Section):
    """Energies of memory accesses."""

    sram_pj: Annotated[dict[Count, Positive], Field(min_length=1)] = Field(
        description="Energy of a 64-bit access to SRAM, pJ, by the size of the memory, KiB."
    )
    dram_pj: Positive = Field(description="Energy of a 64-bit access to DRAM, pJ.")
    on_chip_kib: Positive = Field(
        description="Largest on-chip memory of each kind of value, KiB; larger ones are in DRAM."
    )
    source: str = Field(description="Publication that the energies are taken from.")

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if self.on_chip_kib > max(self.sram_pj):
            raise ValueError(f"on_chip_kib is above the largest of sram_pj, {max(self.sram_pj)}")
        if self.dram_pj < max(self.sram_pj.values()):
            raise ValueError("dram_pj is below the energy of SRAM")
        return self


class CostParams(Section):
    """Energy model: technologies, memory and dataflow."""

    profile: str = Field(
        description="Profile of the energies shown first, one of profiles; all are computed."
    )
    dataflow: Dataflow = Field(
        description="Dataflow of the energies shown first; all are computed."
    )
    curve_steps: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Numbers of time steps of the break-even curve."
    )
    zero_skipping: Annotated[list[str], Distinct] = Field(
        description="Models counted with zero-skipping hardware, of `models`; others are dense."
    )
    memory: MemoryParams = Field(description="Energies of memory accesses.")
    profiles: Annotated[dict[str, ProfileParams], Field(min_length=1)] = Field(
        description="Technologies, by a name of your own."
    )

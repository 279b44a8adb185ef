"""Section on what operations and memory cost: figures of technologies, each with its source."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section

Dataflow = Literal[
    "no_reuse", "weight_stationary", "input_stationary", "output_stationary", "full_reuse"
]


class ProfileParams(Section):
    """Energies of the operations, in pJ, and how wide the values are."""

    mac_pj: Positive
    ac_pj: Positive
    weight_bits: Count
    activation_bits: Count
    state_bits: Count  # of sums, potentials and recurrent states
    integer: bool  # a network of fewer bits has its own widths, and cheaper multiplications
    source: str


class MemoryParams(Section):
    """Energy of an access of 64 bits, in pJ, by the size of the memory in KiB."""

    sram_pj: Annotated[dict[Count, Positive], Field(min_length=1)]
    dram_pj: Positive
    on_chip_kib: Positive  # of each kind of value; what is larger lies in DRAM
    source: str

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if self.on_chip_kib > max(self.sram_pj):
            raise ValueError(f"on_chip_kib is above the largest of sram_pj, {max(self.sram_pj)}")
        if self.dram_pj < max(self.sram_pj.values()):
            raise ValueError("dram_pj is below the energy of SRAM")
        return self


class CostParams(Section):
    profile: str  # shown first; one of profiles
    dataflow: Dataflow  # shown first
    curve_steps: Annotated[list[Count], Field(min_length=1)]  # of the break-even curve
    zero_skipping: Annotated[list[str], Distinct]  # variants whose zeros are left out; else dense
    memory: MemoryParams
    profiles: Annotated[dict[str, ProfileParams], Field(min_length=1)]

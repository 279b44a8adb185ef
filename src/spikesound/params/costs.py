"""Section on what operations and memory cost: figures of technologies, each with its source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spikesound.params.base import Count, Distinct, Positive, Section

Dataflow = Literal["no_reuse", "weight_stationary", "output_stationary", "full_reuse"]


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
    on_chip_kib: Positive  # what is larger lies in DRAM
    source: str


class CostParams(Section):
    profile: str  # shown first; one of profiles
    dataflow: Dataflow  # shown first
    curve_steps: Annotated[list[Count], Field(min_length=1)]  # of the break-even curve
    zero_skipping: Annotated[list[str], Distinct]  # variants whose zeros are left out; else dense
    memory: MemoryParams
    profiles: Annotated[dict[str, ProfileParams], Field(min_length=1)]

"""Section ``costs``: energies of operations and memory accesses, each with its source."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section

Dataflow = Literal[
    "no_reuse", "weight_stationary", "input_stationary", "output_stationary", "full_reuse"
]

Fetch = Literal["step", "clip"]
Zeros = Literal["bitmap", "addresses"]


class ProfileParams(Section):
    """A technology: energies of its operations and widths of its values."""

    mac_pj: Positive = Field(description="Energy of a multiply-accumulate (MAC), pJ.")
    ac_pj: Positive = Field(description="Energy of an accumulate (AC), pJ.")
    weight_bits: Count = Field(description="Width of a weight, bits.")
    activation_bits: Count = Field(description="Width of an activation, bits.")
    state_bits: Count = Field(
        description="Width of a sum, a membrane potential or a recurrent state, bits."
    )
    sum_ac_pj: Positive = Field(
        description="Energy of an addition at the width of sums, pJ: that of `ac_pj` where both "
        "have one width."
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
    address_pj: Positive = Field(
        description="Energy of an integer addition for an address, pJ; counted with "
        "`account.zeros: addresses`."
    )
    leakage_pw_per_bit: Positive = Field(
        description="Static power of a memory, pW for each bit that a network needs."
    )
    leakage_source: str = Field(description="Publication that the static power is taken from.")

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if self.on_chip_kib > max(self.sram_pj):
            raise ValueError(f"on_chip_kib is above the largest of sram_pj, {max(self.sram_pj)}")
        if self.dram_pj < max(self.sram_pj.values()):
            raise ValueError("dram_pj is below the energy of SRAM")
        return self


class AccountParams(Section):
    """What an account counts beside operations and accesses, and how a network is run.

    The first two are a matter of design, which each side of a comparison may choose for itself; the
    others hold for both.
    """

    fetch: Fetch = Field(
        description="How often a weight is fetched by a network of several time steps: once a "
        "`step`, or once a `clip`, for all steps in which its input is active, layer by layer "
        "(Narayanan et al. 2020, SpinalFlow; Lee et al. 2022, parallel time batching). A stream "
        "can do the first alone."
    )
    zeros: Zeros = Field(
        description="How spikes and nonzero values are found and stored where zeros are left out: "
        "`bitmap`, a bit a place; `addresses`, the place of each (address-event representation, "
        "Boahen 2000), with an integer addition a synapse for the address of its sum."
    )
    word_bits: Count = Field(
        description="Bits that an access out of order moves at least: 1 counts the bits of the "
        "value alone; 64 is the access that Horowitz 2014 gives energies for."
    )
    biases: bool = Field(
        description="Count a bias for each sum and pass: an addition, and its fetch (Lemaire et "
        "al. 2022)."
    )
    features: bool = Field(
        description="Count the front end, from samples to normalised features: window, FFT, mel "
        "filters, logarithm."
    )
    static: bool = Field(
        description="Count the static power of the memory during the whole sound: "
        "`memory.leakage_pw_per_bit` for each bit held."
    )
    wide_sums: bool = Field(
        description="Price an addition at the width of the sums (`sum_ac_pj`), not at that of the "
        "operands."
    )


class AccountChoices(Section):
    """Values of each part of an account; the range of energies is over all combinations."""

    dataflow: Annotated[list[Dataflow], Field(min_length=1)] = Field(
        description="Dataflows; `full_reuse` is a bound that no chip reaches."
    )
    fetch: Annotated[list[Fetch], Field(min_length=1)] = Field(
        description="Values of `account.fetch`; those other than `step` for classifiers alone."
    )
    zeros: Annotated[list[Zeros], Field(min_length=1)] = Field(
        description="Values of `account.zeros`."
    )
    word_bits: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Values of `account.word_bits`."
    )
    biases: Annotated[list[bool], Field(min_length=1)] = Field(
        description="Values of `account.biases`."
    )
    features: Annotated[list[bool], Field(min_length=1)] = Field(
        description="Values of `account.features`."
    )
    static: Annotated[list[bool], Field(min_length=1)] = Field(
        description="Values of `account.static`."
    )
    wide_sums: Annotated[list[bool], Field(min_length=1)] = Field(
        description="Values of `account.wide_sums`."
    )


class CostParams(Section):
    """Energy model: technologies, memory and dataflow."""

    profile: str = Field(
        description="Profile of the energies shown first, one of profiles; all are computed."
    )
    dataflow: Dataflow = Field(
        description="Dataflow of the energies shown first; all are computed."
    )
    account: AccountParams = Field(
        description="Account of the energies shown first, and of the table of all technologies and "
        "dataflows."
    )
    accounts: AccountChoices = Field(
        description="Accounts that the range of energies is over, in every technology."
    )
    own_precision: str | None = Field(
        description="Profile of quantised models at their own precision, one of profiles with "
        "`integer: true`; none: the one shown first."
    )
    front_end: str = Field(
        description="Profile that the front end is computed in, one of profiles, for all models."
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

    @model_validator(mode="after")
    def _own_precision(self) -> Self:
        known = [name for name, profile in self.profiles.items() if profile.integer]
        if self.own_precision is not None and self.own_precision not in known:
            raise ValueError(
                f"own_precision {self.own_precision!r} must be one of the integer profiles, "
                f"{', '.join(known) or 'of which there is none'}"
            )
        return self

"""Energy of a network over all accounts: what is counted for all, and how each side is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from spikesound.costs.execution import Execution
from spikesound.costs.tables import Counts, own_profile, price
from spikesound.params import CostParams, Dataflow
from spikesound.params.costs import AccountParams, Fetch, Zeros

OWN = "own"
"""Name of the precision that each network was trained with, in place of a profile."""


@dataclass(frozen=True)
class Scope:
    """What an account counts: the same for both sides of a comparison."""

    word_bits: int
    biases: bool
    features: bool
    static: bool
    wide_sums: bool

    def __str__(self) -> str:
        flags = ("biases", "features", "static", "wide_sums")
        named = [flag.replace("_", " ") for flag in flags if getattr(self, flag)]
        return (
            ", ".join([*(["whole words"] if self.word_bits > 1 else []), *named])
            or "nothing besides"
        )


@dataclass(frozen=True)
class Design:
    """How a network is run: each side may choose its own."""

    dataflow: Dataflow
    fetch: Fetch
    zeros: Zeros
    execution: Execution

    @property
    def without_execution(self) -> tuple[Dataflow, Fetch, Zeros]:
        """The parts that a spiking and a conventional network can have in common."""
        return self.dataflow, self.fetch, self.zeros

    def __str__(self) -> str:
        fetched = f"weights once a {self.fetch}"
        parts = (self.execution, self.dataflow, fetched, self.zeros)
        return ", ".join(part.replace("_", " ") for part in parts)


Span = Mapping[Scope, Mapping[Design, float]]
"""Energy in nJ of a network in one profile."""


def span(model: Counts, params: CostParams, profile: str) -> Span:
    """Return the energy of a network for all combinations of ``params.accounts``.

    Parameters
    ----------
    profile : one of the profiles, or :data:`OWN`

    Raises
    ------
    SpikesoundError
        If an account has the front end or static power, and the model has no sound.
    """
    if profile == OWN:
        profile = own_profile(model, params)
    choices = params.accounts
    energies: dict[Scope, dict[Design, float]] = {scope: {} for scope in scopes(params, profile)}
    for scope, design in product(energies, designs(model, params)):
        if design in energies[scope]:
            continue
        widest = replace(scope, features=any(choices.features), static=any(choices.static))
        account = account_of(widest, design)
        parts = price(model, params, profile, design.dataflow, design.execution, account=account)
        network = parts.total_nj - parts.features_nj - parts.static_nj
        for features, static in product(choices.features, choices.static):
            energies[replace(scope, features=features, static=static)][design] = (
                network + features * parts.features_nj + static * parts.static_nj
            )
    return energies


def scopes(params: CostParams, profile: str) -> Iterator[Scope]:
    """Yield what the accounts count; wide sums only where they cost more."""
    choices, technology = params.accounts, params.profiles[profile]
    wide = choices.wide_sums
    if technology.sum_ac_pj == technology.ac_pj:
        wide = wide[:1]
    for each in product(choices.word_bits, choices.biases, choices.features, choices.static, wide):
        yield Scope(*each)


def designs(model: Counts, params: CostParams) -> Iterator[Design]:
    """Yield the ways to run a network."""
    choices = params.accounts
    fetch: list[Fetch] = ["step"] if model.stream else choices.fetch
    for each in product(choices.dataflow, fetch, choices.zeros, model.executions()):
        yield Design(*each)


def account_of(scope: Scope, design: Design) -> AccountParams:
    """Return the account of a scope and a design."""
    return AccountParams(
        fetch=design.fetch,
        zeros=design.zeros,
        word_bits=scope.word_bits,
        biases=scope.biases,
        features=scope.features,
        static=scope.static,
        wide_sums=scope.wide_sums,
    )

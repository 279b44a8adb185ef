"""The hour from trained detectors to a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from spikesound.data.scenes.material import Material
from spikesound.experiments.hour.experiment import Experiment, Row


def run_hour(
    experiment: Experiment,
    materials: tuple[Material, Material],
    known: Mapping[str, Any],
    write: Callable[[Row], None],
) -> Row:
    """Tune on validation, test each share of events, and return all rows.

    Parameters
    ----------
    materials : recordings of the validation fold and of the test fold
    known : content of an earlier run with the same inputs: its shares are not tested again
    write : is given the content after each share
    """
    settings = experiment.settings
    validation = experiment.mixed(
        materials[0], settings.validation_share, settings.validation_hours
    )
    gates = experiment.prepare(validation)
    content: Row = {
        "tuned": {
            "energy": {key: asdict(each) for key, each in gates.energy.items()},
            "network": asdict(gates.network),
        },
        "rows": list(known.get("rows", [])),
    }
    done = {row["share"] for row in content["rows"]}
    for share, hours in zip(settings.shares, settings.hours, strict=True):
        if share not in done:
            content["rows"] += experiment.test(
                experiment.mixed(materials[1], share, hours), gates, share
            )
            write(content)
    return content

"""Settings of an experiment in noise, and pairs of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.robustness.areas import areas
from spikesound.evaluation.robustness.conditions import NOISY, Condition
from spikesound.evaluation.robustness.evaluate import run_model, summary
from spikesound.evaluation.robustness.paired import compare_areas
from spikesound.evaluation.robustness.plan import Clips, Plan
from spikesound.evaluation.robustness.scoring import SCORING
from spikesound.evaluation.settings import Settings
from spikesound.experiments.row import Row


def in_noise(
    rows: Mapping[str, Row], recordings: Mapping[str, str], settings: Settings
) -> dict[str, Any]:
    """Test settings on the pipeline's disturbed clips.

    Returns
    -------
    dict
        ``models``: of each setting the areas under its curves, and ``curve``, whose points are
        condition, level, accuracy and its interval; ``pairs``: paired tests of areas, of a spiking
        setting with each conventional one that was trained in the same noise, and of a setting that
        was trained in noise with the same one that was not.
    """
    scoring = SCORING["classification"]
    measure = scoring.headline
    results, models = {}, {}
    for name, row in rows.items():
        data, params = row.data(), row.params
        sound = params.robustness.sound
        conditions = [Condition(noise, level) for noise in NOISY for level in sound.snr_db]
        clips = Clips(data.features, data.disturbed, None, list(data.names))
        plan = Plan(conditions, [], 1, params.evaluate.batch_clips, params.seed)
        results[name] = run_model(row.networks(row.model), clips, plan, name=name)
        table = summary(
            name,
            results[name],
            recordings,
            scoring,
            generator=numpy_generator(params.seed, "bootstrap"),
            resamples=params.evaluate.resamples,
            confidence=params.evaluate.confidence,
        )
        columns = ["condition", "level", measure, f"{measure}_low", f"{measure}_high"]
        curve = [[str(head), *map(float, rest)] for head, *rest in table[columns].to_numpy()]
        models[name] = areas(table, measure) | {"curve": curve}
    pairs = [(one, other) for one in rows for other in rows if _comparable(rows[one], rows[other])]
    return {"models": models, "pairs": compare_areas(results, pairs, recordings, settings, scoring)}


def _comparable(one: Row, other: Row) -> bool:
    alike = one.noise == other.noise and one.model.spiking and not other.model.spiking
    trained = _network(one) == _network(other) and one.noise is not None and other.noise is None
    return alike or trained


def _network(row: Row) -> tuple[object, ...]:
    """Return what two settings share that differ in their training alone."""
    return row.model.row, row.model.network_params, row.params.encodings[row.params.encoding]

"""The models of a run in the order of its tables, and the pairs that are compared."""

from itertools import combinations

from spikesound.params import Params

Pairs = list[tuple[str, str]]

OWN_SHAPE = ("stdp", "memristor", "som")  # methods that make a network of their own
TWINS = {"snn-tcn": "ann-tcn", "snn-alif": "ann-gru"}  # of detectors


def classifiers(params: Params, baseline: str) -> list[str]:
    """Return the baseline, the conventional networks, then the spiking ones, each by name."""
    conventional, spiking = _families(params)
    return [baseline, *conventional, *spiking]


def classifier_pairs(params: Params, *baselines: str) -> Pairs:
    """Return each spiking model with its twin, the twin's variants and all others.

    At the end come the spiking models among each other.
    """
    conventional, spiking = _families(params)
    found = []
    for name in spiking:
        own = _of_shape(name, params)
        others = [other for other in conventional if other not in own]
        found += [(name, other) for other in (*own, *others, *baselines)]
    return found + list(combinations(spiking, 2))


def detector_pairs(params: Params, baseline: str) -> Pairs:
    """Return each spiking detector with its twin, and every detector with the baseline."""
    models, labels = params.detection.models, params.detection.labels
    twins = [
        (f"{spiking}-{kind}", f"{twin}-{kind}")
        for spiking, twin in TWINS.items()
        if spiking in models and twin in models
        for kind in labels
    ]
    return twins + [(f"{model}-{kind}", baseline) for model in models for kind in labels]


def _families(params: Params) -> tuple[list[str], list[str]]:
    spiking = {name for of_shape in _spiking(params).values() for name in of_shape}
    names = params.models.names()
    return sorted(set(names) - spiking), sorted(spiking)


def _spiking(params: Params) -> dict[str, list[str]]:
    methods = params.models.methods
    return {shape: [f"snn-{shape}-{method}" for method in methods] for shape in params.models.snn}


def _of_shape(spiking: str, params: Params) -> list[str]:
    """Return the twin and its variants; none where there is no twin, or no method that has one."""
    for shape, names in _spiking(params).items():
        twin = f"ann-{shape}"
        if spiking in names and twin in params.models.ann:
            if params.models.methods[names.index(spiking)] in OWN_SHAPE:
                return []
            return sorted([twin, *(f"{twin}-{name}" for name in params.models.variants)])
    return []

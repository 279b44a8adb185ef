"""The kinds of training methods, each with its parameter class."""

from __future__ import annotations

from spikesound.params.methods import (
    BackpropParams,
    ConvertParams,
    FineTuneParams,
    MemristorParams,
    MethodParams,
    ProxyParams,
    QCFSParams,
    SOMParams,
    STDPParams,
    SurrogateParams,
    TransferParams,
    TransferSurrogateParams,
)
from spikesound.params.sparse_methods import (
    DistilledParams,
    IntegerParams,
    KMeansParams,
    PrunedParams,
    RegularisedParams,
    SigmaDeltaParams,
    SingleSpikeParams,
)
from spikesound.params.tuned_methods import (
    HeadParams,
    LinearHeadParams,
    TunedIntegerParams,
    TunedParams,
    ZeroShotParams,
)

METHOD_PARAMS: dict[str, type[MethodParams]] = {
    "backprop": BackpropParams,
    "fine_tune": FineTuneParams,
    "surrogate": SurrogateParams,
    "transfer": TransferParams,
    "transfer_surrogate": TransferSurrogateParams,
    "convert": ConvertParams,
    "qcfs": QCFSParams,
    "proxy": ProxyParams,
    "stdp": STDPParams,
    "memristor": MemristorParams,
    "som": SOMParams,
    "regularised": RegularisedParams,
    "distilled": DistilledParams,
    "integer": IntegerParams,
    "single_spike": SingleSpikeParams,
    "sigma_delta": SigmaDeltaParams,
    "pruned": PrunedParams,
    "kmeans": KMeansParams,
    "zero_shot": ZeroShotParams,
    "linear_head": LinearHeadParams,
    "head": HeadParams,
    "tuned": TunedParams,
    "tuned_integer": TunedIntegerParams,
}
"""Parameter class of each kind of training method."""

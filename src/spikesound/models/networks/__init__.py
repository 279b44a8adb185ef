"""Networks: one description each, conventional or spiking by the neuron between their layers.

A network is a module from ``(time, batch, frame, bin)`` to class scores ``(batch, class)``, or, for
streams, from ``(frame, batch, bin)`` to :class:`~spikesound.models.networks.detector.Frames`. An
entry is called as ``NETWORKS[kind](params, layout, neuron)``: its parameters, the sizes it is built
for, and a factory of the neuron between its layers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from spikesound.models.networks.clip_crnn import ClipCRNN
from spikesound.models.networks.cnn import CNN
from spikesound.models.networks.crnn import crnn
from spikesound.models.networks.delayed import delayed
from spikesound.models.networks.encoder_decoder import EncoderDecoder
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.lsnn import lsnn
from spikesound.models.networks.own_code import OwnNetwork
from spikesound.models.networks.patches import Patches
from spikesound.models.networks.pruned import PrunedCNN
from spikesound.models.networks.recurrent import CELLS, Recurrent
from spikesound.models.networks.residual import DenseNet, ResNet
from spikesound.models.networks.sequence_head import SequenceHead
from spikesound.models.networks.sigma_delta import SigmaDeltaCNN
from spikesound.models.networks.single_spike import SingleSpikeCNN
from spikesound.models.networks.som import SOM
from spikesound.models.networks.srnn import srnn
from spikesound.models.networks.tcn import tcn
from spikesound.models.networks.vggish import VGGish
from spikesound.models.networks.wta import WTA
from spikesound.models.networks.yamnet import YAMNet

NETWORKS: dict[str, Callable[[Any, Layout, Callable[[], nn.Module]], nn.Module]] = {
    "cnn": CNN,
    "pruned_cnn": PrunedCNN,
    "single_spike_cnn": SingleSpikeCNN,
    "sigma_delta_cnn": SigmaDeltaCNN,
    "resnet": ResNet,
    "densenet": DenseNet,
    "yamnet": YAMNet,
    "vggish": VGGish,
    "sequence_head": SequenceHead,
    **{cell: partial(Recurrent, cell=cell) for cell in CELLS},
    "srnn": srnn,
    "delayed": delayed,
    "wta": WTA,
    "patches": Patches,
    "som": SOM,
    "tcn": tcn,
    "crnn_gru": partial(crnn, cell="gru"),
    "crnn_lstm": partial(crnn, cell="lstm"),
    "clip_crnn_gru": partial(ClipCRNN, cell="gru"),
    "clip_crnn_lstm": partial(ClipCRNN, cell="lstm"),
    "lsnn": lsnn,
    "encoder_decoder": EncoderDecoder,
    "code": OwnNetwork,
}
"""The networks by kind."""

"""Networks of torchvision on spectrograms as images, as in kamalesh0406/Audio-Classification.

The three spectrograms of `features.kinds: [mel_windows]` are the channels of an image of bands by
frames; the last layer is a new one. Weights of ImageNet are read whenever the network is built,
that of a trained model included: torch keeps what it has downloaded.
"""

from pathlib import Path

import torch
from torch import nn

CHANNELS = 3
HEADS = "fc", "classifier"


class Vision(nn.Module):
    """A network by its name in torchvision.models.

    weights: none; the name of torchvision's own, IMAGENET1K_V1, which are downloaded; or a file of
    them, as torchvision publishes it.
    """

    def __init__(self, bins, classes, name, weights=None):
        super().__init__()
        if bins % CHANNELS:
            raise ValueError(f"expected {CHANNELS} spectrograms in the bins, got {bins} bins")
        self.net = made(name, weights)
        head = next(each for each in HEADS if hasattr(self.net, each))
        setattr(self.net, head, nn.Linear(getattr(self.net, head).in_features, classes))

    def forward(self, x):  # (batch, 1, frame, bin)
        image = x[:, 0].unflatten(2, (CHANNELS, -1)).permute(0, 2, 3, 1)
        return self.net(image)


def made(name, weights):
    try:
        from torchvision import models
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "torchvision is not installed: pip install 'spikesound[vision]'"
        ) from error
    inception = name == "inception_v3"
    options = {"init_weights": False} if inception else {}  # its own take a minute to draw
    own = Path(weights) if weights and weights.endswith(".pth") else None
    if own is None:
        net = models.get_model(name, weights=weights, **options)
    else:
        options |= {"transform_input": True} if inception else {}
        net = models.get_model(name, **options)
        net.load_state_dict(renamed(torch.load(own, map_location="cpu", weights_only=True)))
    if inception:  # the auxiliary classifier is for training alone, and not for small images
        net.aux_logits, net.AuxLogits = False, None
    return net


def renamed(state):
    """Return weights by today's names: those of DenseNet's files are older (norm.1 for norm1)."""
    return {key.replace("norm.", "norm").replace("conv.", "conv")
            if "denselayer" in key else key: value for key, value in state.items()}  # fmt: skip

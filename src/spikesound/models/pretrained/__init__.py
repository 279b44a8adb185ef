"""Registry of pretrained networks, which are fetched by address and hash and kept as model files.

A person may give the files instead: in a folder that the variable SPIKESOUND_PRETRAINED of the
environment names. What is read from them becomes a model file of this project's own format in the
user's cache, which every command takes as it takes any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from spikesound.core.errors import choose
from spikesound.models import file
from spikesound.models.pretrained.files import cache, local
from spikesound.models.pretrained.vggish import read_vggish
from spikesound.models.pretrained.yamnet import read_yamnet
from spikesound.models.spec import Spec
from spikesound.params import RemoteFile

READING = 2
"""To be raised when the same files are read in another way."""


@dataclass(frozen=True)
class Pretrained:
    """A network whose weights are published.

    Attributes
    ----------
    files : addresses with hashes, in the order of ``read``'s parameters
    read : returns spec and network of the local files
    licence : of the weights
    classes : whether it has classes; else its outputs are an embedding, for networks to start from
    """

    files: tuple[RemoteFile, ...]
    read: Callable[..., tuple[Spec, nn.Module]]
    licence: str
    classes: bool = True


PRETRAINED: dict[str, Pretrained] = {
    "yamnet": Pretrained(
        (
            RemoteFile(
                url="https://raw.githubusercontent.com/google-coral/coralmicro/"
                "c9f665b0a8b973d35cb9d383b3e92e9f14b4dd72/models/yamnet_spectra_in.tflite",
                hash="sha256:0a266465c46718f3fcc4137366be82882a8c93bfcc4f0278581a11d11dddcdf9",
            ),
            RemoteFile(
                url="https://raw.githubusercontent.com/tensorflow/models/"
                "dbeeb148f10adf723067040eedcccda00bdce1e8/research/audioset/yamnet/"
                "yamnet_class_map.csv",
                hash="sha256:cdf24d193e196d9e95912a2667051ae203e92a2ba09449218ccb40ef787c6df2",
            ),
        ),
        read_yamnet,
        "Apache 2.0",
    ),
    "vggish": Pretrained(  # its port to torch, of the weights in TensorFlow Model Garden
        (
            RemoteFile(
                url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/"
                "vggish-10086976.pth",
                hash="sha256:10086976245803799d9194e9a73d9b6c1549c71d1b80106f5cade5608a561f4b",
            ),
        ),
        read_vggish,
        "Apache 2.0",
        classes=False,
    ),
}
"""The networks by name."""


def model_file(name: str) -> Path:
    """Return the model file of a pretrained network; fetch and read its weights if need be.

    Raises
    ------
    SpikesoundError
        If there is no such network, or its weights are not to be had or damaged.
    """
    chosen = choose(PRETRAINED, name, "pretrained network")
    digest = "-".join(str(each.hash).partition(":")[2][:8] for each in chosen.files)
    path = cache() / "models" / f"{name}-{READING}-{digest}" / file.WEIGHTS
    if not path.is_file():
        file.save(path, *chosen.read(*(local(name, each) for each in chosen.files)))
    return path

"""Networks of detectors: causal, and the same in one call and in chunks."""

from __future__ import annotations

import pytest
import torch
from detectors import MAPS, MODELS, detector, features

from spikesound.tasks.task import batched


def frames_first(clips: int, frames: int) -> torch.Tensor:
    """Return features (frame, clip, bin)."""
    return batched(features(clips, frames)[:, None], frames=True)


@pytest.mark.parametrize("model", [*MODELS, *MAPS])
def test_pieces_give_what_the_whole_gives(model: str) -> None:
    _, network = detector(model)
    x = frames_first(2, 40)
    with torch.inference_mode():
        whole = network(x).logits
        state, pieces = network.rest(2), []
        for piece in torch.split(x, [1, 7, 2, 13, 17]):
            logits, state = network.advance(piece, state)
            pieces.append(logits)
    assert torch.allclose(torch.cat(pieces), whole, atol=1e-6)


@pytest.mark.parametrize("model", [*MODELS, *MAPS])
def test_no_frame_depends_on_a_later_one(model: str) -> None:
    _, network = detector(model)
    x = frames_first(1, 30)
    other = x.clone()
    other[20:] = 1 - other[20:]
    with torch.inference_mode():
        first, second = network(x).logits, network(other).logits
    assert torch.equal(first[:20], second[:20])
    assert not torch.equal(first[20:], second[20:])


def test_the_mean_over_bins_is_in_the_kernel() -> None:
    _, network = detector("ann-tcn")
    block = network.front[0]
    x = torch.rand(9, 2, *block.inputs)
    maps = torch.cat([torch.zeros(2, 2, *block.inputs), x]).permute(1, 2, 0, 3)
    plain = torch.nn.functional.conv2d(maps, block.convolution.weight, padding=(0, 1))
    bins = plain.shape[-1] // block.pool * block.pool
    averaged = plain[..., :bins].unflatten(-1, (-1, block.pool)).mean(-1)
    expected = torch.relu(block.norm(averaged).permute(2, 0, 1, 3))
    assert torch.allclose(block(x), expected, atol=1e-5)

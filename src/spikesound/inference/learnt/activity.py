"""What a trained network's read-out reads of a recording: the activity of its last hidden layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.features.framing import cut_frames
from spikesound.models.layers import Layer, inputs_of, layers_of
from spikesound.models.loading import TrainedModel
from spikesound.models.networks.causal import Integrator
from spikesound.tasks.detection.lookahead import extended

Floats = npt.NDArray[np.float32]

ACTIVE_DB = 30.0
"""How far below the loudest row of a recording its sound ends, as in scenes."""


@dataclass(frozen=True)
class Activity:
    """Input of a read-out's neuron for a recording; its potentials are ``rows @ weights``.

    Attributes
    ----------
    rows : (row, synapse), of a classifier for each window: firing rates (activations of a
        conventional network), pooled over its frames; of a detector for each frame: the trace
        :math:`\\bar h_t = \\beta \\bar h_{t-1} + (1 - \\beta) h_t` of spikes or activations h, with
        the decay of its integrators. The last synapse is the bias's, whose input is 1
    known : potential (row,) that a classifier of single labels sets against a new one: the
        logarithm of the sum of exponentials of its classes' scores; else 0
    active : which rows hold the sound (row,): they are at most 30 dB below the loudest one, of a
        detector after the same decay as the trace
    """

    rows: Floats
    known: Floats
    active: npt.NDArray[np.bool_]


class HiddenLayer:
    """The last hidden layer of a frozen network.

    Parameters
    ----------
    model : a trained classifier or detector, without learnt sounds

    Raises
    ------
    SpikesoundError
        If its read-out is not linear in the last hidden layer.
    """

    def __init__(self, model: TrainedModel) -> None:
        self._model, self._readout = model, linear_readout(model)
        self._synapses = cast(nn.Linear, self._readout.synapses)
        self.synapses = self._synapses.in_features + 1
        decision = model.spec.decision
        self._lookahead = 0 if decision is None else decision.lookahead

    def of_windows(self, windows: Iterable[Floats]) -> Activity:
        """Return the activity for a recording's windows: of a detector its samples as a whole.

        Parameters
        ----------
        windows : samples (sample,) at the model's rate
        """
        front_end = self._model.front_end
        parts, levels = [], []
        for samples in windows:
            part = self.of_features(front_end.whole(samples))
            window, hop = front_end.features.window, front_end.features.hop
            if not self._model.detects:
                window = hop = len(samples)
            parts.append(part)
            levels.append(_levels_db(samples, window, hop, len(part.rows)))
        level = np.concatenate(levels)
        active = level >= level.max() - ACTIVE_DB
        if self._model.detects:  # where most of the trace is of active frames
            trace = self._trace(active[:, None].astype(np.float32))[:, 0]
            active = trace > trace.max() / 2
        return Activity(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.known for part in parts]),
            active,
        )

    def of_features(self, features: Floats) -> Activity:
        """Return the activity for features (frame, bin) in [0, 1], with all rows active."""
        inputs, late = self._inputs(features), self._lookahead
        with inputs_of(self._synapses) as seen, torch.inference_mode():
            scores = self._model.network.eval()(inputs)
        hidden = seen[0][:, 0].numpy() if self._model.detects else seen[0].numpy()
        rows = np.concatenate([hidden, np.ones((len(hidden), 1), np.float32)], 1)
        known = np.zeros(len(rows), np.float32)
        if self._model.detects:
            rows, known = self._trace(rows)[late:], known[late:]
        elif self._model.spec.labels == "single":
            known = torch.logsumexp(scores, -1).numpy()
        return Activity(rows, known, np.ones(len(rows), bool))

    def _trace(self, values: Floats) -> Floats:
        """Return what the integrators keep of values (frame, ...)."""
        assert isinstance(self._readout.neuron, Integrator)
        beta = float(self._readout.neuron.beta.detach().clamp(0, 1))
        trace = np.zeros(values.shape[1:])
        traces = np.empty_like(values)
        for frame, value in enumerate(values):
            trace = beta * trace + (1 - beta) * value
            traces[frame] = trace
        return traces

    def _inputs(self, features: Floats) -> torch.Tensor:
        if self._model.detects:
            return extended(torch.from_numpy(features)[:, None], self._lookahead)
        return self._model.inputs(features)


def linear_readout(model: TrainedModel) -> Layer:
    """Return a network's read-out, whose potentials are linear in the last hidden layer.

    Raises
    ------
    SpikesoundError
        If it is another one.
    """
    last = layers_of(model.network)[-1]
    weights = isinstance(last.synapses, torch.nn.Linear)
    per_class = weights and last.synapses.out_features == len(model.ids)  # type: ignore[union-attr]
    if not per_class or not (last.neuron is None or isinstance(last.neuron, Integrator)):
        raise SpikesoundError(
            f"{model.name}: sounds are learnt by networks whose read-out is linear, one row a "
            f"class; got network {model.spec.network!r}, read-out {model.spec.readout!r}"
        )
    return last


def _levels_db(samples: Floats, window: int, hop: int, rows: int) -> Floats:
    """Return the root mean square around the middle of each row (row,), in dB."""
    if rows == 1:
        frames = torch.from_numpy(samples[None])
    else:
        frames = cut_frames(torch.from_numpy(samples[None]), window, hop)[0]
    power = frames.square().mean(-1).numpy()
    found: Floats = 10 * np.log10(np.maximum(power, 1e-10))
    return found

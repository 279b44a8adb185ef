"""A pretrained network as a spiking one: numbers of spikes in training, spikes in inference."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive, numpy_generator
from spikesound.models.build import build
from spikesound.models.layers import Layer, hidden, inputs_of, layers_of, recorded
from spikesound.models.spec import Spec
from spikesound.params import CountingIFParams, TunedIntegerParams
from spikesound.snn.neurons.counting_if import CountingIF
from spikesound.snn.quantisation.counts import Counts
from spikesound.snn.quantisation.weights import fake_quantise
from spikesound.tasks.task import Targets, batched
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train, validate
from spikesound.training.methods.course import Course
from spikesound.training.methods.linear_head import fit_head, readout_of, silent
from spikesound.training.methods.rate_penalty import hinge_penalty, ramp
from spikesound.training.methods.transfer import transferred
from spikesound.training.methods.tuned import Tuning, cropped
from spikesound.training.objective import Backward

NEURON = "counting_if"


def train_tuned_integer(job: Job) -> Trained:
    """Return a network of binary spikes, fine-tuned from a pretrained conventional network.

    The conventional network gets a read-out for the classes (:func:`.linear_head.fit_head`); its
    activations are not clipped, whatever they were trained with. In its copy each ReLU gives whole
    steps, 0 to D (:class:`spikesound.snn.quantisation.counts.Counts`), set layer by layer on
    training clips. The copy is fine-tuned with the conventional network's last layer for a teacher,
    and its read-out fitted again, to what its last layer has become: a few hundred clips are enough
    for a read-out, and too few for all layers. What is kept has D time steps, in which a neuron of
    :class:`spikesound.snn.neurons.counting_if.CountingIF` gives as many spikes as it had whole
    steps: it computes the same (:func:`as_spikes`). The last weights are kept.

    Raises
    ------
    SpikesoundError
        If there is no network to start from, it is another one, its read-out is not linear, or the
        network has other layers than convolutions and a read-out.

    References
    ----------
    Luo et al. 2024, "Integer-valued training and spike-driven inference spiking neural network for
    high-performance and energy-efficient object detection"; Esser et al. 2020, "Learned step size
    quantization"; Romero et al. 2015, "FitNets: hints for thin deep nets" (a layer as teacher).
    """
    method: TunedIntegerParams = job.method
    twin = job.spec.with_neuron("relu", {}, steps=1, encoding=None, encoding_params=None)
    plain = replace(silent(job), spec=twin)
    teacher = fit_head(transferred(plain, build(twin)), plain).network
    network = counting(teacher, method.levels, job.spec.model)
    calibrate(network, job)
    course = Course(job)
    objective = IntegerTuning(job, teacher, course)
    spec = job.spec.model_copy(update={"steps": 1})
    trained = train(network, replace(course.followed(job), spec=spec), objective, keep_last=True)
    quantise(trained.network, method.weight_bits)
    spec = spiking_spec(job.spec, method.levels)
    spiking = with_readout(as_spikes(trained.network, spec), replace(job, spec=spec))
    result = trained.result | validate(spiking, replace(job, spec=spec))
    return Trained(spec, spiking, trained.history, result)


def with_readout(spiking: nn.Module, job: Job) -> nn.Module:
    """Return a network of spikes with a read-out fitted to its last layer, in the method's bits."""
    method: TunedIntegerParams = job.method
    fitted = fit_head(spiking, silent(job)).network
    if method.weight_bits is not None:
        readout = readout_of(fitted, job.spec.model)
        with torch.no_grad():
            readout.weight.copy_(fake_quantise(readout.weight, method.weight_bits))
    return fitted


def spiking_spec(spec: Spec, levels: int) -> Spec:
    """Return the spec of the network of spikes, of as many time steps as levels."""
    neuron = CountingIFParams(levels=levels)
    direct = (spec.encoding_params or {}) | {"steps": levels}
    return spec.with_neuron(NEURON, neuron, steps=levels, encoding_params=direct)


def counting(network: nn.Module, levels: int, model: str) -> nn.Module:
    """Return a copy of a conventional network whose neurons give numbers of spikes.

    Raises
    ------
    SpikesoundError
        If it has other layers than convolutions and a linear read-out.
    """
    copied = copy.deepcopy(network)
    readout_of(copied, model)
    for layer in hidden(copied):
        if layer.kind != "convolution" or not isinstance(layer.synapses, nn.Conv2d):
            raise SpikesoundError(
                f"{model}: layer {layer.name}: expected a convolution, got {layer.kind}"
            )
        block: Any = layer.module
        block.neuron = Counts(levels, layer.synapses.out_channels)
    return copied


def calibrate(network: nn.Module, job: Job) -> None:
    """Set the steps of all layers in one pass of training clips: each on rounded inputs."""
    method: TunedIntegerParams = job.method
    clips = job.training
    count = min(method.calibration_clips, len(clips))
    rows = np.sort(numpy_generator(job.seed, "calibrate").permutation(len(clips))[:count])
    x = batched(clips.batch(rows), frames=False).to(next(network.parameters()))
    torch.manual_seed(derive(job.seed, "calibrate"))
    if method.crop_frames is not None:
        x = cropped(x, method.crop_frames)
    neurons = [layer.neuron for layer in hidden(network)]
    network.eval()
    for neuron in neurons:
        assert isinstance(neuron, Counts)
        neuron.calibrating = True
    with torch.no_grad():
        network(x)
    for neuron in neurons:
        assert isinstance(neuron, Counts)
        neuron.calibrating = False


class IntegerTuning(Tuning):
    """Distance from the teacher's last layer, the labels' loss, and the penalty on rates."""

    def __init__(self, job: Job, teacher: nn.Module, course: Course) -> None:
        super().__init__(job)
        self.integer: TunedIntegerParams = job.method
        self.teacher = job.fabric.to_device(teacher).eval().requires_grad_(False)
        self.course = course

    def backward(
        self, network: nn.Module, x: torch.Tensor, targets: Targets, backward: Backward
    ) -> float:
        """Accumulate the gradients of a batch's loss in the parameters, and return the loss."""
        loss = super().backward(network, x, targets, backward)
        self.course.count_batch()
        return loss

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the loss of a batch (time, batch, frame, bin)."""
        x, targets = self.drawn(x, targets)
        method = self.integer
        with recorded(network) as outputs, inputs_of(readout_of(network, self.model)) as ours:
            loss = method.label_weight * self.task.loss(self.output(network, x), targets)
        if method.distillation:
            with torch.no_grad(), inputs_of(readout_of(self.teacher, self.model)) as theirs:
                self.teacher(x)
            loss = loss + method.distillation * distance(ours[0], theirs[0])
        weight = 0.0 if method.penalty is None else ramp(method.penalty, self.course.share)
        if method.penalty is not None and weight:
            rates = rates_of(network, outputs)
            loss = loss + weight * hinge_penalty(rates, method.penalty.target, method.penalty.depth)
        return loss

    def output(self, network: nn.Module, x: torch.Tensor) -> Any:
        """Return the network's output, with quantised weights where the method requires them."""
        return functional_call(network, quantised_weights(network, self.integer.weight_bits), (x,))


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    r"""Return how far values (batch, value) are from others, in direction and in length.

    .. math:: \frac1B \sum_b \Big(1 - \frac{u_b \cdot v_b}{\lVert u_b \rVert \lVert v_b \rVert} +
              \frac{\lVert u_b - v_b \rVert^2}{\lVert v_b \rVert^2}\Big)
    """
    angle = 1 - functional.cosine_similarity(ours, theirs)
    square = (ours - theirs).square().sum(1) / theirs.square().sum(1).clamp(min=1e-12)
    return (angle + square).mean()


def rates_of(network: nn.Module, outputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return each hidden layer's spikes for a neuron and time step, of its recorded outputs."""
    rates = []
    for layer, output in zip(hidden(network), outputs, strict=True):
        assert isinstance(layer.neuron, Counts)
        step = layer.neuron.step.detach().view(-1, 1, 1)
        rates.append(output / (step * layer.neuron.levels))
    return rates


@torch.no_grad()
def quantise(network: nn.Module, bits: int | None) -> None:
    """Round a counting network's weights (:func:`quantised_weights`); rounded ones stay."""
    quantised = quantised_weights(network, bits)
    for name, parameter in network.named_parameters():
        if name in quantised:
            parameter.copy_(quantised[name])


def quantised_weights(network: nn.Module, bits: int | None) -> dict[str, torch.Tensor]:
    """Return a counting network's weights rounded to ``bits`` bits, by their full names.

    They are rounded as the spiking network has them, times the step of what they read: there a
    spike is 1, and the step of each output channel is the quantiser's scale.
    """
    if bits is None:
        return {}
    names = {module: name for name, module in network.named_modules()}
    found = {}
    for layer, gain in with_gains(network):
        assert isinstance(layer.synapses, nn.Conv2d | nn.Linear)
        weight: torch.Tensor = layer.synapses.weight
        gain = torch.ones(1) if gain is None else gain
        along = along_inputs(gain.to(weight), layer.synapses).detach()
        found[f"{names[layer.synapses]}.weight"] = fake_quantise(weight * along, bits) / along
    return found


def with_gains(network: nn.Module) -> Iterator[tuple[Layer, torch.Tensor | None]]:
    """Yield each layer with weights, and the steps (channel,) of its input; None: of no neurons."""
    gain: torch.Tensor | None = None
    for layer in layers_of(network):
        if layer.synapses is None:
            continue
        yield layer, gain
        gain = layer.neuron.step if isinstance(layer.neuron, Counts) else None


def along_inputs(gain: torch.Tensor, synapses: nn.Conv2d | nn.Linear) -> torch.Tensor:
    """Return values of input channels in the shape in which they multiply a weight."""
    if isinstance(synapses, nn.Linear):
        return gain
    if synapses.groups > 1:  # depthwise: an input channel is an output channel
        return gain.view(-1, 1, 1, 1)
    return gain.view(1, -1, 1, 1)


def as_spikes(network: nn.Module, spec: Spec) -> nn.Module:
    r"""Return a counting network as one of binary spikes, which computes the same.

    With steps :math:`s_l` of layer l and D levels

    .. math:: w_l \leftarrow w_l \frac{s_{l-1} D}{s_l}, \qquad b_l \leftarrow \frac{b_l}{s_l}

    a neuron's mean current over D time steps is what it was trained with, in steps, since the mean
    of n spikes in D time steps is n / D. The first layer's input is steady and has no factor
    :math:`s_0 D`; the read-out's sums are not divided.

    Parameters
    ----------
    spec : of the network of spikes (:func:`spiking_spec`)
    """
    levels = spec.steps
    scaled = copy.deepcopy(network)
    with torch.no_grad():
        for layer, gain in list(with_gains(network)):
            own = next(each for each in layers_of(scaled) if each.name == layer.name)
            assert isinstance(own.synapses, nn.Conv2d | nn.Linear)
            weight = own.synapses.weight
            if gain is not None:
                weight.mul_(along_inputs(gain * levels, own.synapses))
            if isinstance(layer.neuron, Counts):
                _divide(own, layer.neuron.step)
    spiking = build(spec)
    state = {name: value for name, value in scaled.state_dict().items() if "neuron." not in name}
    spiking.load_state_dict(state)
    assert all(isinstance(layer.neuron, CountingIF) for layer in hidden(spiking))
    return spiking.eval()


def _divide(layer: Layer, step: torch.Tensor) -> None:
    """Divide a layer's sums by the steps of its channels."""
    norm, synapses = layer.norm, layer.synapses
    if isinstance(norm, nn.BatchNorm2d):
        norm.weight.div_(step)
        norm.bias.div_(step)
        return
    assert isinstance(synapses, nn.Conv2d)
    synapses.weight.div_(step.view(-1, 1, 1, 1))
    if synapses.bias is not None:
        synapses.bias.div_(step)

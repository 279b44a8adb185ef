"""The three networks of CongSheng/SpikingConvNN-AudioClassification (ISCAS 2023), on spoken digits.

All take 16 MFCCs of up to 32 frames in the middle of an image of 32 x 32. By their layers,
``6C3-P2-16C3-P2-128FC-64FC-10FC`` is the control, ``6C3-16C3-128FC-64FC-10FC`` model A and
``6C3-128FC-10FC`` model B. The input of the spiking ones is the same at each step, so that the
first convolution is computed once. Layers that no step uses are not here.
"""

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn
from torch.nn import functional

SIZE = 32


def image(x):
    """Put (batch, 1, frame, bin) into the middle of a square of zeros."""
    high, wide = (SIZE - size for size in x.shape[2:])
    return functional.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))


class Control(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.relu1, self.pool1 = nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2)
        self.conv2, self.relu2, self.pool2 = nn.Conv2d(6, 16, 3), nn.ReLU(), nn.MaxPool2d(2)
        self.fc1, self.relu3 = nn.Linear(16 * 6 * 6, 128), nn.ReLU()
        self.fc2, self.relu4 = nn.Linear(128, 64), nn.ReLU()
        self.fc3 = nn.Linear(64, classes)

    def forward(self, x):
        x = self.pool1(self.relu1(self.conv1(image(x))))
        x = self.pool2(self.relu2(self.conv2(x))).flatten(1)
        return self.fc3(self.relu4(self.fc2(self.relu3(self.fc1(x)))))


class Spiking(nn.Module):
    """Convolutions without pooling, then linear layers, each with a leaky neuron behind it."""

    def __init__(self, steps, convolutions, linear):
        super().__init__()
        self.steps = steps
        self.synapses = nn.ModuleList([*convolutions, *linear])
        self.flat = len(convolutions)
        gradient = surrogate.fast_sigmoid(slope=25)
        self.neurons = nn.ModuleList(snn.Leaky(0.5, spike_grad=gradient) for _ in self.synapses)

    def forward(self, x):
        first = self.synapses[0](image(x))
        states = [neuron.init_leaky() for neuron in self.neurons]
        spikes, membranes = [], []
        for _ in range(self.steps):
            x = first
            for number, neuron in enumerate(self.neurons):
                if number == self.flat:
                    x = x.flatten(1)
                current = x if number == 0 else self.synapses[number](x)
                x, states[number] = neuron(current, states[number])
            spikes.append(x)
            membranes.append(states[-1])
        return torch.stack(spikes), torch.stack(membranes)


class ModelA(Spiking):
    def __init__(self, classes, steps):
        linear = nn.Linear(16 * 28 * 28, 128), nn.Linear(128, 64), nn.Linear(64, classes)
        super().__init__(steps, [nn.Conv2d(1, 6, 3), nn.Conv2d(6, 16, 3)], linear)


class ModelB(Spiking):
    def __init__(self, classes, steps):
        linear = nn.Linear(6 * 30 * 30, 128), nn.Linear(128, classes)
        super().__init__(steps, [nn.Conv2d(1, 6, 3)], linear)

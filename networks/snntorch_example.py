"""A network of one's own with snnTorch's neurons, as in its tutorials."""

import snntorch as snn
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, bins, classes, hidden=64, beta=0.9):
        super().__init__()
        self.fc1 = nn.Linear(bins, hidden)
        self.lif1 = snn.Leaky(beta=beta, learn_beta=True)
        self.fc2 = nn.Linear(hidden, classes)
        self.lif2 = snn.Leaky(beta=beta, learn_beta=True)

    def forward(self, x):  # (time, batch, bin)
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spk_rec, mem_rec = [], []
        for step in x:
            spk1, mem1 = self.lif1(self.fc1(step), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spk_rec.append(spk2)
            mem_rec.append(mem2)
        return torch.stack(spk_rec), torch.stack(mem_rec)

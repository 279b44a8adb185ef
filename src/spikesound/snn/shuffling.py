"""Spikes at other times: shuffled or jittered, with as many spikes of each neuron as before."""

from __future__ import annotations

import torch


def shuffled_in_time(spikes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return spikes (time, ...) with the time steps of each neuron in a random order.

    Numbers of spikes stay, times are drawn evenly. It applies to graded values alike.
    """
    order = torch.rand(spikes.shape, generator=generator).argsort(0)
    return spikes.gather(0, order)


def jittered(spikes: torch.Tensor, steps: int, generator: torch.Generator) -> torch.Tensor:
    """Return spikes (time, ...), each moved by up to a number of steps, at random.

    A spike at t goes to a step drawn evenly from those of
    :math:`[t - n, t + n]` that there are. Where another spike of the neuron is there already, it
    goes to the nearest free step instead: a neuron has as many spikes as before. Spikes are placed
    in the order of their times.

    Parameters
    ----------
    spikes : 0 or 1 (time, ...)
    steps : n; 0 moves nothing
    """
    length = len(spikes)
    placed = torch.zeros_like(spikes, dtype=torch.bool)
    for time in range(length):
        waiting = spikes[time] != 0
        low, high = max(0, time - steps), min(length - 1, time + steps)
        wanted = torch.randint(low, high + 1, waiting.shape, generator=generator)
        for distance in _distances(length):
            if not waiting.any():
                break
            target = wanted + distance
            valid = waiting & (target >= 0) & (target < length)
            index = target.clamp(0, length - 1).unsqueeze(0)
            free = valid & ~placed.gather(0, index)[0]
            placed.scatter_(0, index, (placed.gather(0, index)[0] | free).unsqueeze(0))
            waiting &= ~free
    return placed.to(spikes.dtype)


def _distances(length: int) -> list[int]:
    """Return 0, 1, -1, 2, -2, ... as far as a step can be away."""
    return [0, *(sign * far for far in range(1, length) for sign in (1, -1))]

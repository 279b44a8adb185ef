"""Kohonen's map, learnt in batches: vectors in a grid, neighbours alike."""

from __future__ import annotations

import math

import torch


def grid(rows: int, columns: int) -> torch.Tensor:
    """Return the places (unit, 2) of a map's units, row by row."""
    return torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).float()


def learn_map(
    vectors: torch.Tensor,
    *,
    rows: int,
    columns: int,
    sweeps: int,
    sigma: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return the units (rows x columns, size) of a self-organising map of vectors (n, size).

    Each sweep puts every unit at the mean of all vectors, weighted by how near its place is to that
    of their best-matching unit c:

    .. math:: m_i = \\frac{\\sum_x h_{c(x) i} \\, x}{\\sum_x h_{c(x) i}}, \\qquad
              h_{c i} = e^{-\\lVert r_c - r_i \\rVert^2 / 2 \\sigma^2}

    The width falls exponentially from half the longer side to ``sigma``. The start is random
    vectors of the set.

    References
    ----------
    Kohonen 2013, "Essentials of the self-organizing map", section 4.1 (batch map).
    """
    places = grid(rows, columns)
    apart = torch.cdist(places, places).pow(2)
    picked = torch.randint(len(vectors), (rows * columns,), generator=generator)
    units = vectors[picked].clone()
    first = max(sigma, max(rows, columns) / 2)
    for sweep in range(sweeps):
        width = first * (sigma / first) ** (sweep / max(1, sweeps - 1))
        near = torch.exp(-apart / (2 * width**2))
        best = best_matching(vectors, units)
        sums = torch.zeros_like(units).index_add_(0, best, vectors)
        counts = torch.bincount(best, minlength=len(units)).to(vectors.dtype)
        weight = near @ counts
        won = weight > math.sqrt(torch.finfo(weight.dtype).tiny)  # the others stay where they are
        units[won] = (near @ sums)[won] / weight[won].unsqueeze(1)
    return units


def best_matching(vectors: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
    """Return the number of the nearest unit (n,) of each vector (n, size)."""
    return (vectors @ units.T - units.pow(2).sum(1) / 2).argmax(1)

"""Tests by a difference's standard error: of difference, of equivalence, and their power."""

from __future__ import annotations

import math

from scipy import stats

POWER = 0.8
"""Probability with which a test shows the difference that :func:`detectable` returns."""


def difference_p(difference: float, standard_error: float, degrees: float = math.inf) -> float:
    r"""Return the two-sided p value of a difference, :math:`2\,(1 - F(|d| / s))`.

    F is Student's distribution; of infinitely many degrees of freedom, the normal one. Without any
    variation, p is 1 if the difference is 0 and otherwise 0.
    """
    if standard_error == 0:
        return float(difference == 0)
    return float(2 * stats.t.sf(abs(difference) / standard_error, degrees))


def equivalence_p(
    difference: float, standard_error: float, margin: float, degrees: float = math.inf
) -> float:
    r"""Return the p value of the two one-sided tests that a difference lies within a margin.

    Each rejects that the difference is as far out as the margin on one side; both must, so

    .. math:: p = \max\left(1 - F\left(\frac{\delta + d}{s}\right),
                            1 - F\left(\frac{\delta - d}{s}\right)\right)

    with the difference d, its standard error s and the margin :math:`\delta`. p is at most
    :math:`\alpha` exactly if the interval of confidence :math:`1 - 2\alpha` lies within the margin.

    References
    ----------
    Schuirmann, A comparison of the two one-sided tests procedure and the power approach for
    assessing the equivalence of average bioavailability, Journal of Pharmacokinetics and
    Biopharmaceutics 15 (1987), 657-680.
    """
    nearest = margin - abs(difference)
    if standard_error == 0:
        return float(nearest <= 0)
    return float(stats.t.sf(nearest / standard_error, degrees))


def detectable(standard_error: float, alpha: float, degrees: float = math.inf) -> float:
    r"""Return the smallest true difference that a two-sided test shows with :data:`POWER`.

    .. math:: d = (F^{-1}(1 - \alpha/2) + F^{-1}(\text{power}))\, s

    with the standard error s of the paired difference, by the normal approximation or Student's
    distribution.

    References
    ----------
    Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), section 2.4.
    """
    return float((stats.t.isf(alpha / 2, degrees) + stats.t.ppf(POWER, degrees)) * standard_error)

"""Funnel limits with overdispersion: how far a cell's failures may lie from expectation among cells like it. Pure.

Source: Spiegelhalter, "Funnel plots for comparing institutional performance" (2005), and "Handling over-dispersion of
performance indicators" (2005): z-scores, winsorised at both ends, and the mean of their squares as the factor phi.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: The share of the z-scores that is winsorised at each end.
WINSORISED = 0.1


def z_scores(failed: npt.ArrayLike, units: npt.ArrayLike, expected: npt.ArrayLike) -> Floats:
    """(failed - units p) / sqrt(units p (1 - p)) for each cell; `expected` is p, one for all or one each."""
    y, n, p = (np.asarray(values, dtype=np.float64) for values in (failed, units, expected))
    scores: Floats = (y - n * p) / np.sqrt(n * p * (1 - p))
    return scores


def overdispersion(scores: npt.ArrayLike, winsorised: float = WINSORISED) -> float:
    """phi: the mean of the squared z-scores, winsorised. 1 is pure chance; above, the cells differ by themselves."""
    z = np.asarray(scores, dtype=np.float64)
    if not len(z):
        return 1.0
    low, high = np.quantile(z, [winsorised, 1 - winsorised])
    return float(np.mean(np.clip(z, low, high) ** 2))

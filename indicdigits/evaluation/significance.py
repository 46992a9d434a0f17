"""Whether a difference between two readers may be chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

RESAMPLES = 10_000


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test of two readers on the same pictures, two-sided.

    Pictures that both read right, or both wrong, say nothing about which is better. If neither
    is, each of the others is as likely to be read right by the one as by the other (McNemar 1947;
    recommended for comparing classifiers by Dietterich 1998).

    Args:
        only_first: Pictures that the first read right and the second wrong.
        only_second: The other way round.

    Returns:
        The probability of a split at least as uneven, in (0, 1]; 1 where there is none to split.
    """
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def difference_interval(
    only_first: int, only_second: int, n: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[float]:
    """The 95 % bootstrap interval of how much more of the pictures one reader read right.

    Pictures are drawn anew with replacement, both readers' answers to one together (the paired
    percentile bootstrap, Efron and Tibshirani 1993). Only three kinds of pictures tell: read right
    by the first alone, by the second alone, or alike. Their numbers in a resample have a
    multinomial law, so they are drawn directly, which is the same and fast.

    Args:
        only_first: Pictures that the first read right and the second wrong.
        only_second: The other way round.
        n: All pictures, at least one.
        resamples: How often they are drawn.
        seed: Of that.

    Returns:
        [low, high] of the accuracy of the first less that of the second, -1 to 1.
    """
    shares = np.array([only_first, only_second, n - only_first - only_second]) / n
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=resamples)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / n, [0.025, 0.975])
    return [float(low), float(high)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts p-values of several tests, so that one of them alone may be looked at (Holm 1979).

    Args:
        p_values: One a test, in 0 to 1.

    Returns:
        The adjusted ones, in the same order, none below its own.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min((len(p_values) - rank) * p_values[index], 1.0))
        adjusted[index] = largest
    return adjusted

"""A straight line through samples: whether something grows with the work that is done."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth for each unit of work, and how much the samples scatter around the line (same unit as the samples)."""

    growth: float
    scatter: float


def slope_of(work: Sequence[float], seen: Sequence[float]) -> Slope:
    """The line that half of all pairs of samples lie above (Theil and Sen): one odd sample does not bend it.

    ValueError with fewer than two different amounts of work.
    """
    pairs = [
        (later - earlier, after - before)
        for index, (earlier, before) in enumerate(zip(work, seen, strict=True))
        for later, after in zip(work[index + 1 :], seen[index + 1 :], strict=True)
        if later != earlier
    ]
    if not pairs:
        raise ValueError("one amount of work has no slope")
    growth = statistics.median(rise / run for run, rise in pairs)
    middle = statistics.median(value - growth * done for done, value in zip(work, seen, strict=True))
    return Slope(growth, statistics.median(abs(v - growth * d - middle) for d, v in zip(work, seen, strict=True)))

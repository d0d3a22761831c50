"""How well two samples of durations can be told apart: the area under the ROC curve (0.5: not at all)."""

from collections.abc import Sequence


def auc(first: Sequence[float], second: Sequence[float]) -> float:
    """Probability that a random value of `second` is larger than one of `first`, ties counted half."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank_sum = 0.0
    index = 0
    while index < len(ranked):
        last = index
        while last + 1 < len(ranked) and ranked[last + 1][0] == ranked[index][0]:
            last += 1
        mean_rank = (index + last) / 2 + 1
        rank_sum += mean_rank * sum(kind for _, kind in ranked[index : last + 1])
        index = last + 1
    wins = rank_sum - len(second) * (len(second) + 1) / 2
    return wins / (len(first) * len(second))

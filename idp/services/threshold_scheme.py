"""Which ages an app may test: few, far apart, and not another set every day (threats C06)."""

from collections.abc import Collection

from idp.domain.client import Client
from idp.domain.errors import Refused

MAX_THRESHOLDS = 3
MIN_DISTANCE_YEARS = 2
CHANGE_SECONDS = 365 * 86400
"""Between two changes of a reviewed app: one that could move its thresholds would find the birth date by them."""


def check_scheme(thresholds: Collection[int]) -> None:
    """Refused unless there are one to three ages, at least two years apart."""
    ordered = sorted(set(thresholds))
    if not 1 <= len(ordered) <= MAX_THRESHOLDS:
        raise Refused("invalid_client_metadata", "an app has one to three thresholds")
    if any(b - a < MIN_DISTANCE_YEARS for a, b in zip(ordered, ordered[1:], strict=False)):
        raise Refused("invalid_client_metadata", "thresholds lie at least two years apart")


def check_change(current: Client, thresholds: Collection[int], now: int) -> None:
    """Refused when an app that has been reviewed would get other thresholds a second time within 365 days."""
    if current.reviewed_at is None or set(thresholds) == set(current.thresholds):
        return
    changed_at = current.thresholds_changed_at
    if changed_at is not None and now < changed_at + CHANGE_SECONDS:
        raise Refused("invalid_client_metadata", "thresholds change once in 365 days")

"""Whether something grows with the work: the line through the samples, and the soak's verdict on it."""

import argparse

import pytest

from loadtests.slope import slope_of
from loadtests.soak import LARGEST_MB, Watched, judge
from loadtests.wrk import Load

OPTIONS = argparse.Namespace(database="sqlite")
CLEAN = Load(requests=1000, seconds=1.0, refused=0, broken=0, p50=1.0, p99=2.0, exhausted=False)


def watched(megabytes: list[float], files: list[int] | None = None) -> Watched:
    """Samples every 100,000 exchanges."""
    done = [100_000 * number for number in range(1, len(megabytes) + 1)]
    return Watched(done, megabytes, files or [30] * len(megabytes), megabytes[-1])


def test_the_line_goes_through_the_samples_and_one_odd_sample_does_not_bend_it() -> None:
    work = [float(number) for number in range(20)]
    seen = [5 + 0.25 * done for done in work]
    assert slope_of(work, seen).growth == pytest.approx(0.25)
    seen[7] = 400.0
    assert slope_of(work, seen).growth == pytest.approx(0.25)
    assert slope_of(work, seen).scatter == pytest.approx(0.0)
    with pytest.raises(ValueError):
        slope_of([3.0, 3.0], [1.0, 2.0])


def test_memory_that_grows_at_the_start_only_is_no_leak() -> None:
    settling = watched([60.0, 75.0, 80.0, *[80.5, 80.4] * 4])
    assert judge(settling, [CLEAN], OPTIONS) == 0


@pytest.mark.parametrize(
    "seen",
    [
        watched([80.0 + 0.4 * number for number in range(12)]),
        watched([80.0] * 12, [30 + number // 4 for number in range(12)]),
        watched([LARGEST_MB + 1.0] * 12),
    ],
    ids=["memory grows", "files grow", "too large"],
)
def test_a_leak_and_a_worker_that_is_too_large_fail(seen: Watched) -> None:
    assert judge(seen, [CLEAN], OPTIONS) == 1


def test_one_failed_request_fails() -> None:
    broken = Load(requests=1000, seconds=1.0, refused=0, broken=1, p50=1.0, p99=2.0, exhausted=False)
    assert judge(watched([80.0] * 12), [CLEAN, broken], OPTIONS) == 1

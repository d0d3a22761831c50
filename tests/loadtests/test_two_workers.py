"""Two workers against one: the rate where there is room, the cost of an exchange where the machine is full."""

import pytest

from loadtests.machine import CORES
from loadtests.two_workers import ScaleOut, Shares
from loadtests.wrk import Load


def shares(rate: float, server: float, database: float, generator: float = 0.0, others: float = 0.0) -> Shares:
    load = Load(requests=int(rate), seconds=1.0, refused=0, broken=0, p50=1.0, p99=2.0, exhausted=False)
    return Shares(load, server, database, generator, server + database + generator + others)


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    found = ScaleOut([shares(rate, 0.5, 0.1) for rate in (1000, 500, 2000)], [shares(1800, 0.9, 0.2)] * 3)
    assert found.rate == pytest.approx(1.8)


def test_where_the_machine_is_full_the_cost_of_an_exchange_tells() -> None:
    one = shares(1000, CORES * 0.4, CORES * 0.2, CORES * 0.2)
    two = shares(1200, CORES * 0.5, CORES * 0.25, CORES * 0.25)
    found = ScaleOut([one], [two])
    assert found.full
    assert found.by_cost == pytest.approx(2 * (0.6 / 1000) / (0.75 / 1200))
    assert not ScaleOut([one], [one]).full
    assert ScaleOut([one], [shares(1200, CORES * 0.2, CORES * 0.2, others=CORES * 0.6)]).full, "by others"
    assert "the machine was full" in found.words()[-1]

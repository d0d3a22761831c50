"""Ratios pair the servers round by round, so that a noisy minute weighs on both."""

import pytest

from loadtests.door_sign_in import DoorSignIn
from loadtests.ratios import GOALS, RP_VERIFICATION, Ratio, ratios_of
from loadtests.rounds import Sample, Series
from loadtests.work import WORKS, Work
from loadtests.wrk import Load

WORK = {work.name: work for work in WORKS}


def sample(rate: int, cpu_microseconds: float) -> Sample:
    load = Load(requests=rate * 2, seconds=2.0, refused=0, broken=0, p50=1.0, p99=2.0, exhausted=False)
    return Sample(load, cpu=rate * 2 * cpu_microseconds / 1e6, resident=1)


def series(work: Work, **rates: list[int]) -> Series:
    return Series(work, {name: [sample(rate, 1e6 / rate) for rate in each] for name, each in rates.items()})


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # The second round is disturbed for both alike: unpaired medians would say 3000 / 1100.
    measured = series(WORK["code_exchange"], blindage_sqlite=[3000, 200, 3300], node_memory=[1000, 100, 1100])
    (ratio,) = ratios_of([measured])
    assert ratio.name == "code_exchange_sqlite"
    assert ratio.rate == pytest.approx(3.0)
    assert ratio.cpu == pytest.approx(3.0)


def test_what_was_not_measured_has_no_ratio() -> None:
    alone = series(WORK["refresh"], blindage_sqlite=[10, 10, 10])
    assert ratios_of([alone]) == []


def test_both_databases_and_every_peer_have_their_ratio() -> None:
    measured = series(
        WORK["code_exchange"],
        blindage_sqlite=[100], blindage_postgresql=[50], node_memory=[50], node_sqlite=[10], textbook=[5], django=[1],
    )  # fmt: skip
    assert {ratio.name: ratio.rate for ratio in ratios_of([measured])} == {
        "code_exchange_sqlite": 2.0, "code_exchange_postgresql": 1.0, "code_exchange_vs_node_sqlite": 10.0,
        "code_exchange_vs_textbook": 20.0, "code_exchange_vs_django": 100.0,
    }  # fmt: skip


def test_a_goal_is_met_at_its_value_and_not_below() -> None:
    at, below = (
        ratios_of([series(WORK["refresh"], blindage_sqlite=[rate], node_memory=[1000])])[0] for rate in (1800, 1799)
    )
    assert (at.goal, at.met, below.met) == (GOALS["refresh"], True, False)


def test_processor_time_is_counted_apart_from_speed() -> None:
    measured = Series(
        WORK["userinfo"],
        {"blindage_sqlite": [sample(1000, 100.0)], "node_memory": [sample(1000, 400.0)]},
    )
    (ratio,) = ratios_of([measured])
    assert (ratio.rate, ratio.cpu) == (pytest.approx(1.0), pytest.approx(4.0))


def test_the_share_of_blind_issuance_is_held_against_the_raw_operation_of_the_same_round() -> None:
    # 100 batches of 32 a second at 10 ms each; the raw operation went at 4,000 a second, and at half of it once.
    measured = Series(WORK["blind_issuance"], {"blindage_sqlite": [sample(100, 1e4), sample(50, 2e4)]}, [4000, 2000])
    (ratio,) = ratios_of([measured])
    assert (ratio.name, ratio.rate, ratio.cpu) == ("blind_issuance_share", pytest.approx(0.8), pytest.approx(0.8))


def test_a_server_without_its_core_is_marked() -> None:
    quiet, starved = sample(1000, 950.0), sample(1000, 400.0)
    samples = {"blindage_sqlite": [quiet, quiet, starved], "node_memory": [starved, starved, quiet]}
    measured = Series(WORK["jwks"], samples)
    assert measured.disturbed == {"node_memory"}


def test_issuance_is_held_against_as_many_raw_operations_as_a_batch_has() -> None:
    for name, batch in (("blind_issuance", 32), ("blind_issuance_100", 100)):
        measured = series(WORK[name], blindage_sqlite=[10, 10, 20])
        measured.raw = [batch * 20.0] * 3
        (ratio,) = ratios_of([measured])
        assert (ratio.name, ratio.goal) == (f"{name}_share", 0.85)
        assert (ratio.rate, ratio.cpu) == (pytest.approx(0.5), pytest.approx(0.5))


def test_two_requests_make_one_sign_in_at_the_door() -> None:
    (ratio,) = ratios_of([series(DoorSignIn(), blindage_door=[3000, 2000, 2500])])
    assert (ratio.name, ratio.rate, ratio.cpu) == ("door_sign_in", pytest.approx(1250), pytest.approx(1250))
    assert ratio.met


def test_goals_for_a_core_are_judged_by_processor_time() -> None:
    assert Ratio(RP_VERIFICATION, 6_000, 12_000).met
    assert not Ratio(RP_VERIFICATION, 12_000, 9_999).met
    assert not Ratio("refresh", 1.7, 1.9).met

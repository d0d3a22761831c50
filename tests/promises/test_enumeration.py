"""Nobody learns from the sign-in whether an account exists: not by the answer, not by the time (threats B03)."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.composition import compose
from idp.domain.errors import Refused
from idp.protocol.provider import Provider
from idp.services.accounts import create_account
from idp.services.recovery import reset_password
from idp.services.sign_in import sign_in
from idp.settings import read_settings
from tests.clock import FixedClock
from tests.promises.auc import auc

PASSWORD = "a long enough password"


@pytest.fixture
def provider(tmp_path: Path, clock: FixedClock) -> Iterator[Provider]:
    environment = {"BLINDAGE_DATA_DIR": str(tmp_path)}
    made = compose(read_settings(environment, "http://127.0.0.1:9000"), clock)
    yield made
    made.realm.store.close()


def _duration(provider: Provider, username: str) -> float:
    begun = time.perf_counter()
    with pytest.raises(Refused) as refused:
        sign_in(provider.realm, username, "a wrong password")
    assert refused.value.reason == "wrong_credentials"
    return time.perf_counter() - begun


def _samples(provider: Provider, clock: FixedClock, size: int) -> tuple[list[float], list[float]]:
    """Durations for names that exist and names that do not, interleaved in random order, at the real Argon2 cost."""
    known = [create_account(provider.realm, f"person-{number}", PASSWORD).username for number in range(20)]
    order = [True, False] * size
    random.Random(4).shuffle(order)
    existing, unknown = [], []
    for number, exists in enumerate(order):
        if number % 100 == 0:
            # A new hour, so that no name meets its limit of wrong passwords.
            clock.advance(3600)
        if exists:
            existing.append(_duration(provider, known[len(existing) % len(known)]))
        else:
            unknown.append(_duration(provider, f"nobody-{number}"))
    return existing, unknown


def test_a_known_and_an_unknown_name_cannot_be_told_apart_by_time(provider: Provider, clock: FixedClock) -> None:
    existing, unknown = _samples(provider, clock, 100)
    assert 0.35 <= auc(existing, unknown) <= 0.65


@pytest.mark.long
def test_2000_known_and_2000_unknown_names_cannot_be_told_apart_by_time(
    provider: Provider, clock: FixedClock
) -> None:
    existing, unknown = _samples(provider, clock, 2000)
    measured = auc(existing, unknown)
    print(f"AUC {measured:.3f}, n = 2000 a class")
    assert 0.45 <= measured <= 0.55


def test_a_reset_takes_as_long_for_a_known_and_an_unknown_name(provider: Provider, clock: FixedClock) -> None:
    realm = provider.realm
    known = [create_account(realm, f"person-{number}", PASSWORD).username for number in range(20)]
    order = [True, False] * 100
    random.Random(5).shuffle(order)
    took: dict[bool, list[float]] = {True: [], False: []}
    for number, exists in enumerate(order):
        if number % 100 == 0:
            clock.advance(3600)
        username = known[number % len(known)] if exists else f"nobody-{number}"
        begun = time.perf_counter()
        with pytest.raises(Refused) as refused:
            reset_password(realm, username, "AAAA-AAAA-AAAA-AAAA", "another long password")
        took[exists].append(time.perf_counter() - begun)
        assert refused.value.reason == "wrong_code"
    assert 0.35 <= auc(took[True], took[False]) <= 0.65


def test_the_measure_tells_a_shortcut_apart(provider: Provider, clock: FixedClock) -> None:
    existing, _ = _samples(provider, clock, 10)
    shortcut = []
    for number in range(10):
        begun = time.perf_counter()
        provider.realm.store.read(lambda tx, n=number: tx.accounts.by_username(bytes([n]) * 32))  # type: ignore[misc]
        shortcut.append(time.perf_counter() - begun)
    assert auc(existing, shortcut) < 0.05

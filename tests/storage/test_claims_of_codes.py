"""Codes are claimed only while what they saw still holds: one statement for a whole group of them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from idp.domain.account import AccountState
from idp.domain.grant import Claim
from idp.storage.sql.store import SqlStore
from idp.storage.sql.writer import GROUP_MAX
from tests.storage.groups import all_waiting
from tests.storage.things import ADULT, CHILD, NOW, a_consent, a_grant, a_session, consenting

Change = Callable[[Any, Any, Any, Any], Any]


def _claim(store: SqlStore, **changes: object) -> tuple[Claim, Any, Any]:
    """A code of a person who is signed in and has agreed: the claim, the account, the session."""
    account, consent = consenting(store)
    session = a_session(account)
    store.write(lambda tx: tx.sessions.add(session))
    seen = store.read(lambda tx: tx.accounts.get(account.id))
    assert seen is not None
    grant = a_grant(consent, **({"session_id": session.id, "offline": False} | changes))
    return Claim(grant, seen.age_version), account, session


def _claimed(store: SqlStore, *claims: Claim) -> list[bool]:
    return store.write(lambda tx: tx.grants.claim_codes(claims))


def test_a_code_opens_its_grant_once_while_all_holds(store: SqlStore) -> None:
    claim, _, _ = _claim(store)
    assert _claimed(store, claim) == [True]
    assert store.read(lambda tx: tx.grants.get(claim.grant.id)) == claim.grant
    assert _claimed(store, claim) == [False]


ENDS: dict[str, Change] = {
    "account locked": lambda tx, account, consent, session: tx.accounts.set_state(account.id, AccountState.LOCKED),
    "account suspended": lambda tx, account, consent, session: tx.accounts.set_state(
        account.id, AccountState.SUSPENDED
    ),
    "account deleted": lambda tx, account, consent, session: tx.accounts.delete(account.id),
    "age corrected": lambda tx, account, consent, session: tx.accounts.set_age(account.id, CHILD),
    "the same age recorded anew": lambda tx, account, consent, session: tx.accounts.set_age(account.id, ADULT),
    "consent withdrawn": lambda tx, account, consent, session: tx.consents.withdraw(account.id, "app", NOW),
    "consent given anew": lambda tx, account, consent, session: tx.consents.give(a_consent(account)),
    "session revoked": lambda tx, account, consent, session: tx.sessions.revoke(session.id, NOW),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_code_opens_nothing_after_a_change(store: SqlStore, end: str) -> None:
    claim, account, session = _claim(store)
    untouched, _, _ = _claim(store)
    store.write(lambda tx: ENDS[end](tx, account, None, session))
    assert _claimed(store, claim, untouched) == [False, True]
    assert store.read(lambda tx: tx.grants.get(claim.grant.id)) is None


def test_an_expired_session_opens_nothing_an_offline_grant_neither(store: SqlStore) -> None:
    claim, _, session = _claim(store)
    late = replace(claim.grant, created_at=session.expires_at)
    offline = replace(late, id=a_grant(a_consent(consenting(store)[0])).id, offline=True)
    assert _claimed(store, Claim(late, claim.age_version), Claim(offline, claim.age_version)) == [False, False]


def test_a_code_that_comes_twice_in_one_group_opens_one_grant(store: SqlStore) -> None:
    claim, _, _ = _claim(store)
    again = Claim(replace(claim.grant, subject="another"), claim.age_version)
    assert _claimed(store, claim, again) == [True, False]
    assert store.read(lambda tx: tx.grants.get(claim.grant.id)) == claim.grant


@pytest.mark.parametrize("size", [1, 2, 3, 13, GROUP_MAX])
def test_a_group_of_any_size_is_claimed_in_order(store: SqlStore, size: int) -> None:
    first, _, _ = _claim(store)
    spent = Claim(replace(first.grant, id=a_grant(a_consent(consenting(store)[0])).id), first.age_version)
    assert _claimed(store, spent) == [True]
    others = [
        Claim(replace(first.grant, id=a_grant(a_consent(consenting(store)[0])).id), first.age_version)
        for _ in range(size - 1)
    ]
    assert _claimed(store, *others, spent) == [*[True] * len(others), False]


def test_units_of_a_kind_that_wait_together_are_one_call(store: SqlStore) -> None:
    sizes: list[int] = []

    def units(tx: Any, items: Any) -> list[int]:
        sizes.append(len(items))
        return [2 * item for item in items]

    assert _together(store, units, range(20)) == [2 * item for item in range(20)]
    assert sum(sizes) == 20 and max(sizes) > 1


def test_one_that_fails_among_its_kind_harms_no_other(store: SqlStore) -> None:
    def units(tx: Any, items: Any) -> list[bool]:
        for item in items:
            tx.keys.claim_meta(f"unit{item}", "x")
            if item == 7:
                raise ValueError("seven")
        return [True] * len(items)

    outcomes = _together(store, units, range(20))
    assert [number for number, outcome in enumerate(outcomes) if outcome is not True] == [7]
    assert isinstance(outcomes[7], ValueError)
    kept = [store.read(lambda tx, number=number: tx.keys.meta(f"unit{number}")) for number in range(20)]
    assert [number for number, value in enumerate(kept) if value is None] == [7]


def _together(store: SqlStore, units: Any, items: Any) -> list[Any]:
    """Results, or errors, of units that the writer finds waiting all at once."""
    outcomes = all_waiting(store, [partial(store.write_each, units, item, b"%02d" % item) for item in items])
    return [outcome.exception() or outcome.result() for outcome in outcomes]


@pytest.mark.parametrize("client_id", ["NULL", 'a"b\\,{}', "{x}", "", " ", "'; --", "%(id)s $1 ?1"])
def test_a_group_keeps_apart_what_a_database_could_read_otherwise(store: SqlStore, client_id: str) -> None:
    """A client id is any printable text (RFC 6749, appendix A.1), and PostgreSQL gets a column of them as an array."""
    odd, _, _ = _claim(store, client_id=client_id)
    plain, _, _ = _claim(store)
    without, _, _ = _claim(store, session_id=None)
    assert _claimed(store, odd, plain, without) == [True, True, False]
    for claim in (odd, plain):
        assert store.read(lambda tx, one=claim: tx.grants.get(one.grant.id)) == claim.grant

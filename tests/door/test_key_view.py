"""The door's view of the key log at a running issuer: what it refuses, keeps, and lets a token count by."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from crypto.encoding import b64url_decode, b64url_encode
from crypto.notes import verifier_of
from crypto.privacy_pass_client import create_token_request, finalize_token
from crypto.privacy_pass_issuer import issue
from idp.composition import compose_door, log_signer
from idp.domain.age import Band
from idp.domain.age_token import EPOCH_SECONDS, canonical, epoch_start
from idp.domain.audit_event import AuditKind
from idp.protocol.door.key_view import kept_copy
from idp.services.token_keys import published_log, revoke_after_restore
from tests.clock import START
from tests.crypto.token_keys import other_key, token_key
from tests.door.test_key_log import EPOCH, NAME, SEED, leaf_of, note_of
from tests.relying_party import error_of
from tests.veiled import Veiled, Wallet


@contextmanager
def answering(veiled: Veiled, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """What the account issuer, or somebody on the way, answers instead of the log."""

    def changed(body: bytes) -> bytes:
        document = json.loads(body)
        change(document)
        return json.dumps(document).encode()

    veiled.fetcher.changed = changed
    try:
        yield
    finally:
        veiled.fetcher.changed = lambda body: body


def accepts(veiled: Veiled, wallet: Wallet) -> bool:
    """Whether a token of the wallet is good at the door now; the copy is read again first."""
    shown = wallet.arrive(veiled.app())
    veiled.clock.advance(2)
    answer = shown.post(wallet.fields(shown))
    assert answer.status_code in (200, 400), answer.text
    return answer.status_code == 200


def test_hostile_log_is_refused_reported_once_and_the_view_stays(fresh: Veiled) -> None:
    """Shrunk, forked, signed by another: each is refused, and tokens of the known key are accepted as before."""
    person = fresh.account.person()
    wallet = fresh.wallet(person, 6)
    store = fresh.door.provider.realm.store
    before = store.read(kept_copy)
    signer = log_signer(fresh.account.provider)
    real = list(published_log(fresh.account.provider.realm.store, signer).leaves)
    mine = canonical(leaf_of(other_key()))

    def says(leaves: list[bytes], seed: bytes) -> Callable[[dict[str, Any]], None]:
        def change(document: dict[str, Any]) -> None:
            document["leaves"] = [b64url_encode(leaf) for leaf in leaves]
            document["checkpoint"] = note_of(leaves, seed=seed, name=signer.name)
            document["witnessed"] = []

        return change

    hostile = {
        "shrunk": says(real[:-1], signer.seed),
        "forked": says([mine, *real[1:]], signer.seed),
        "bad_note": says([*real, mine], bytes(32)),
        "malformed": lambda document: document.pop("leaves"),
    }
    for change in hostile.values():
        with answering(fresh, change):
            assert not fresh.follower.follow()
            assert not fresh.follower.follow()
        assert store.read(kept_copy) == before
        assert accepts(fresh, wallet)
    events = store.read(lambda tx: tx.audit.page(b"", 1000))
    reported = [dict(event.details)["reason"] for event in events if event.kind is AuditKind.KEY_LOG_REFUSED]
    assert reported == list(hostile)


def test_token_signed_with_a_key_for_one_person_is_refused(fresh: Veiled) -> None:
    """The issuer signs for somebody with a key that is in no log, or in a log that it shows to nobody else."""
    wallet = fresh.wallet(fresh.account.person(), 2)
    request, pending = create_token_request(fresh.challenge, token_key().public)
    marked = finalize_token(pending, issue(request, {token_key().public.truncated_token_key_id: token_key()}))
    shown = wallet.arrive(fresh.app())
    assert error_of(shown.post(wallet.fields(shown, marked))) == "invalid_token"
    # Logged late, for this one person: signed by the log, but no witness saw it a day before its use.
    store = fresh.account.provider.realm.store
    leaf = canonical(leaf_of(token_key(), "standby"))
    store.write(lambda tx: tx.token_log.append(leaf))
    for other in [key for key in store.read(lambda tx: tx.token_keys.all()) if key.epoch == EPOCH]:
        if other.band is Band.ADULT:
            store.write(lambda tx, key_id=other.key_id: tx.token_keys.revoke(key_id, START))
    assert fresh.follower.follow()
    shown = wallet.arrive(fresh.app())
    fresh.clock.advance(2)
    assert error_of(shown.post(wallet.fields(shown, marked))) == "invalid_token"


def test_revoked_primary_counts_no_more_and_the_standby_takes_over(fresh: Veiled) -> None:
    """After a restore of the door's backup: whatever was spent since, no token of the revoked key counts (C19)."""
    person = fresh.account.person()
    wallet = fresh.wallet(person, 2)
    assert accepts(fresh, wallet)
    account = fresh.account.provider
    revoked = revoke_after_restore(account.realm.store, fresh.clock.now())
    assert {key.band for key in revoked} == set(Band)
    assert fresh.follower.follow()
    assert not accepts(fresh, wallet)
    # The account side signs with the standby now, on every node within five seconds.
    fresh.clock.advance(5)
    wallet.fill(person, 2)
    assert accepts(fresh, wallet)


def test_view_works_on_without_the_issuer_until_its_keys_are_old(fresh: Veiled) -> None:
    wallet = fresh.wallet(fresh.account.person(), 4)
    fresh.fetcher.away = True
    assert not fresh.follower.follow()
    assert accepts(fresh, wallet)
    # In the next epoch tokens of the last one still count; after it they do not.
    fresh.clock.advance(epoch_start(EPOCH + 2) - fresh.clock.now() - 60)
    assert accepts(fresh, wallet)
    fresh.clock.advance(60)
    shown = wallet.arrive(fresh.app())
    assert error_of(shown.post(wallet.fields(shown))) == "invalid_token"
    # When there is no living key at all the token is not called bad: the door is out of date.
    fresh.clock.advance(EPOCH_SECONDS)
    shown = wallet.arrive(fresh.app())
    answer = shown.post(wallet.fields(shown, wallet.tokens[-1]))
    assert error_of(answer, 503) == "temporarily_unavailable" and "Retry-After" in answer.headers


def test_issuer_cannot_take_a_cosignature_back(fresh: Veiled) -> None:
    wallet = fresh.wallet(fresh.account.person(), 1)

    def forget(document: dict[str, Any]) -> None:
        leaves = [b64url_decode(leaf) for leaf in document["leaves"]]
        signer = log_signer(fresh.account.provider)
        document["checkpoint"] = note_of(leaves, seed=signer.seed, name=signer.name)
        document["witnessed"] = []

    with answering(fresh, forget):
        assert fresh.follower.follow()
        assert accepts(fresh, wallet)


def test_copy_is_kept_over_a_restart_and_read_by_other_processes(fresh: Veiled) -> None:
    fresh.fetcher.away = True
    again = compose_door(fresh.door.provider, fresh.door.settings)
    assert again.keys.live_bands() == set(Band)
    other = replace(fresh.door.settings, token_log_key=log_key_of_another())
    assert compose_door(fresh.door.provider, other).keys.live_bands() == set()


def log_key_of_another() -> str:
    return verifier_of(NAME, SEED).to_text()


def test_follower_looks_every_minute_and_sooner_after_a_failure(fresh: Veiled) -> None:
    asked: list[int] = []
    fresh.fetcher.changed = lambda body: asked.append(fresh.clock.now()) or body  # type: ignore[func-returns-value]
    begun = fresh.clock.now()
    for _ in range(130):
        fresh.follower.follow_when_due()
        fresh.clock.advance(1)
    assert [at - begun for at in asked] == [0, 60, 120]
    fresh.fetcher.changed = lambda body: asked.append(fresh.clock.now()) or b""  # type: ignore[func-returns-value]
    asked.clear()
    for _ in range(65):
        fresh.follower.follow_when_due()
        fresh.clock.advance(1)
    assert [at - begun for at in asked] == list(range(180, 195, 2))

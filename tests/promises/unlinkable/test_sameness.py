"""Nothing but chance tells one token, one visit or one reader from another (threats D05, D06, D07, D09, D13)."""

import secrets
from collections import defaultdict
from random import Random

import pytest

from crypto.privacy_pass import TOKEN_SIZE, Token
from idp.domain.age import Band
from idp.domain.age_token import EPOCH_SECONDS, KeyRole, epoch_of, epoch_start
from idp.services.token_keys import revoke_after_restore
from tests.app import ADULT, MINOR, App, Person
from tests.promises.unlinkable.population import Habits, live
from tests.promises.unlinkable.records import recorded
from tests.veiled import Veiled, mint_tokens, publish_keys
from tests.wallet.integrity import WALLET

LANGUAGES = ("", "en", "zh-CN,zh;q=0.9", "ar", "de-CH,de;q=0.8,*;q=0.1")
DOCUMENTS = {
    "account": (
        "/token-keys/log", "/.well-known/private-token-issuer-directory", "/token-keys/minor", "/jwks",
        "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
    ),
    "door": (
        "/jwks", "/.well-known/openid-configuration", "/wallet", "/wallet/config.json",
        *(f"/wallet/{path.name}" for path in sorted(WALLET.glob("*.*js"))),
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- tokens
def _partition(tokens: list[Token]) -> set[bytes]:
    """What is left of tokens without their random parts."""
    encoded = [token.to_bytes() for token in tokens]
    for token, data in zip(tokens, encoded, strict=True):
        assert data.count(token.nonce) == data.count(token.authenticator) == 1
    return {
        data.replace(token.nonce, b"").replace(token.authenticator, b"")
        for token, data in zip(tokens, encoded, strict=True)
    }


def _tokens_differ_by_key_alone(veiled: Veiled, each: int) -> None:
    """Primary, standby after a revocation, and the next epoch's primary: of each band, as many kinds as keys."""
    store = veiled.account.provider.realm.store
    tokens: list[Token] = []

    def mint() -> None:
        tokens.extend(
            token for band in Band for token in mint_tokens(veiled.account.provider, veiled.challenge, each, band)
        )

    mint()
    revoke_after_restore(store, veiled.clock.now())
    mint()
    veiled.clock.advance(epoch_start(epoch_of(veiled.clock.now()) + 1) - veiled.clock.now())
    publish_keys(veiled.account)
    mint()
    keys = {key.key_id: key for key in store.read(lambda tx: tx.token_keys.all())}
    used = {token.token_key_id for token in tokens}
    assert {(keys[name].band, keys[name].role) for name in used} == {(band, role) for band in Band for role in KeyRole}
    assert len(_partition(tokens)) == len(used) == len(Band) * 3
    assert {len(token.to_bytes()) for token in tokens} == {TOKEN_SIZE}
    # The random parts are: no byte of them is the same in all tokens, and none comes twice.
    for parts in ([token.nonce for token in tokens], [token.authenticator for token in tokens]):
        assert len(set(parts)) == len(parts)
        assert all(len(set(column)) > 1 for column in zip(*parts, strict=True))


def test_600_tokens_are_of_as_many_kinds_as_bands_times_keys(veiled: Veiled) -> None:
    _tokens_differ_by_key_alone(veiled, 100)


@pytest.mark.long
def test_10000_tokens_are_of_as_many_kinds_as_bands_times_keys(veiled: Veiled) -> None:
    _tokens_differ_by_key_alone(veiled, 1700)


def test_a_token_with_a_bit_of_its_own_is_noticed(veiled: Veiled) -> None:
    tokens = mint_tokens(veiled.account.provider, veiled.challenge, 4)
    marked = Token(tokens[0].nonce, bytes(32), tokens[0].token_key_id, tokens[0].authenticator)
    assert len(_partition(tokens)) == 1 and len(_partition([*tokens, marked])) == 2


# ------------------------------------------------------------------------------------------------------------- visits
def test_machine_messages_of_a_visit_have_one_length_each(veiled: Veiled) -> None:
    """People with long and short names, of both bands, in any language: what their wallets exchange is equally long."""
    with recorded(veiled) as sides:
        population = live(veiled, sides, 16, Habits(tokens=8, minors=0.5), Random(3))
    lengths: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for fill in population.fills:
        for each in fill.visit.exchanges:
            if each.path in ("/token", "/token-keys/current", "/token-request"):
                lengths[each.path].add((len(each.body), len(each.answer_head), len(each.answer)))
    for use in population.uses:
        for each in use.visit.exchanges[:2]:
            # A name of an app is as long as it is; everything else is not the wallet's to say.
            lengths[f"door {each.path}"].add((len(each.body), len(each.answer_head)))
    assert {path: len(found) for path, found in lengths.items()} == {
        "/token": 1, "/token-keys/current": 1, "/token-request": 1, "door /authorize": 1, "door /present": 1,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ readers
def _readers(count: int) -> list[dict[str, str]]:
    """Headers that may tell one browser from another, and the validators that a cache would send."""
    random = Random(5)
    return [
        {
            "User-Agent": f"Browser/{number}.{secrets.token_hex(random.randrange(1, 40))}",
            "Accept-Language": LANGUAGES[number % len(LANGUAGES)],
            "Accept-Encoding": random.choice(("", "gzip", "br, gzip")),
            "Cookie": f"__Host-blindage_session={secrets.token_urlsafe(32)}; x={number}",
            "Referer": f"https://app{number}.example/",
            "Origin": f"https://app{number}.example",
            "If-None-Match": random.choice(('"x"', "*", f'W/"{number}"')),
            "If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT",
        }
        for number in range(count)
    ]


def _same_for_all(side: App, paths: tuple[str, ...], people: list[Person], count: int) -> None:
    for path in paths:
        plain = side.send("GET", path)
        expected = plain.status_code, plain.data, sorted(plain.headers)
        assert plain.status_code == 200
        assert not {"ETag", "Last-Modified", "Set-Cookie", "Vary", "Age", "Date"} & {name for name, _ in plain.headers}
        for headers in _readers(count):
            answer = side.send("GET", path, headers=headers)
            assert (answer.status_code, answer.data, sorted(answer.headers)) == expected, path
        for person in people:
            answer = person.browser.get(path)
            assert (answer.status_code, answer.data, sorted(answer.headers)) == expected, path


def _documents_are_the_same(veiled: Veiled, count: int) -> None:
    people = [veiled.account.signed_in(birthdate) for birthdate in (ADULT, MINOR)]
    _same_for_all(veiled.account, DOCUMENTS["account"], people, count)
    _same_for_all(veiled.door, DOCUMENTS["door"], [], count)


def test_public_documents_are_byte_identical_for_30_readers(veiled: Veiled) -> None:
    _documents_are_the_same(veiled, 30)


@pytest.mark.long
def test_public_documents_are_byte_identical_for_1000_readers(veiled: Veiled) -> None:
    _documents_are_the_same(veiled, 1000)


def test_two_keys_of_a_band_are_live_at_most(veiled: Veiled) -> None:
    """The fewer keys, the larger the crowd of each: this epoch's and the last one's; a standby only instead of one."""
    for _ in range(2):
        live_keys = veiled.parts.keys
        counts: dict[Band, int] = defaultdict(int)
        for key in veiled.account.provider.realm.store.read(lambda tx: tx.token_keys.all()):
            accepted = live_keys.find(key.key_id)
            if accepted is not None:
                counts[accepted.band] += 1
        assert set(counts) == set(Band) and max(counts.values()) <= 2
        veiled.clock.advance(EPOCH_SECONDS)
        publish_keys(veiled.account)
        assert veiled.follower.follow()
        veiled.clock.advance(2)

"""Key logs, honest and hostile, with what the wallet has to say about each."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.encoding import b64_padded_url_encode, b64url_encode
from crypto.merkle import EMPTY_ROOT
from crypto.notes import SignatureType
from tests.crypto.token_keys import other_key, token_key
from tests.wallet.key_log import (
    DAY,
    EPOCH,
    LOG_SEED,
    ORIGIN,
    WITNESS,
    WITNESS_SEED,
    KeyLog,
    canonical,
    key_leaf,
    shown,
    trust,
    verifier_key,
)

NOW = 1_800_000_000
BEGINS = NOW - 5 * DAY
EARLY = BEGINS - 2 * DAY
SEEN = (WITNESS, WITNESS_SEED, EARLY)
SECOND = ("second.example", bytes(range(64, 96)))
Case = dict[str, Any]

_CASES: dict[str, Callable[[], Case]] = {}


def _case(make: Callable[[], Case]) -> Callable[[], Case]:
    _CASES[make.__name__.removeprefix("_").replace("_", " ")] = make
    return make


def key_log_cases() -> list[Case]:
    """Each with `document`, `config`, `remembered`, `shown`, `now`, and `expected`: a code, or null if admitted."""
    common = {"config": trust(), "remembered": None, "now": NOW, "expected": None}
    return [{"name": name, **common, **make()} for name, make in _CASES.items()]


def primary(**changed: Any) -> dict[str, Any]:
    return {**key_leaf(token_key(), "adult", 7, BEGINS), **changed}


def standby(**changed: Any) -> dict[str, Any]:
    return {**key_leaf(other_key(), "adult", 7, BEGINS, "standby"), **changed}


def revoke(leaf: dict[str, Any]) -> dict[str, Any]:
    return {"type": "revoke", "key_id": leaf["key_id"], "at": NOW - DAY}


FILES = {"type": "wallet-files", "files": {"wallet.mjs": "A" * 43, "index.html": "B" * 43}, "at": EARLY}


def _signed(*leaves: dict[str, Any] | bytes) -> KeyLog:
    return KeyLog().add(*leaves).sign(SEEN)


def _shows(log: KeyLog, leaf: dict[str, Any], expected: str | None = None, **more: Any) -> Case:
    return {"document": log.document, "shown": shown(leaf), "expected": expected, **more}


@_case
def _a_witnessed_primary_is_admitted() -> Case:
    return _shows(_signed(primary(), standby(), FILES), primary())


@_case
def _an_older_checkpoint_shows_when_it_was_witnessed() -> Case:
    log = _signed(primary()).add(standby()).sign((WITNESS, WITNESS_SEED, NOW))
    return _shows(log, primary())


@_case
def _a_demo_needs_no_witness() -> Case:
    return _shows(KeyLog().add(primary()).sign(), primary(), config=trust((), 0))


@_case
def _a_standby_is_admitted_by_a_revoke_leaf() -> Case:
    return _shows(_signed(primary(), standby(), revoke(primary())), standby())


@_case
def _exactly_24_hours_are_enough() -> Case:
    return _shows(KeyLog().add(primary()).sign((WITNESS, WITNESS_SEED, BEGINS - DAY)), primary())


@_case
def _a_remembered_smaller_head_is_grown_from() -> Case:
    small, large = _signed(primary()), _signed(primary(), standby())
    return _shows(large, primary(), remembered=small.head())


@_case
def _the_other_band_has_its_own_key() -> Case:
    minor = key_leaf(other_key(), "minor", 7, BEGINS)
    return _shows(_signed(primary(), minor), minor)


@_case
def _the_epoch_before_is_no_rival() -> Case:
    return _shows(_signed(key_leaf(other_key(), "adult", 6, BEGINS - EPOCH), primary()), primary())


@_case
def _a_key_that_is_not_logged() -> Case:
    return _shows(_signed(primary()), standby(), "key_not_logged")


@_case
def _a_key_of_another_band_than_shown() -> Case:
    return _shows(_signed(primary()), primary(band="minor"), "key_not_logged")


@_case
def _a_key_of_another_epoch_than_shown() -> Case:
    return _shows(_signed(primary()), primary(epoch=8), "key_not_logged")


@_case
def _a_known_id_with_another_key() -> Case:
    return _shows(_signed(primary()), primary(key=standby()["key"]), "key_not_logged")


@_case
def _a_standby_without_a_revoke_leaf() -> Case:
    return _shows(_signed(primary(), standby()), standby(), "key_not_primary")


@_case
def _a_revoked_primary() -> Case:
    return _shows(_signed(primary(), standby(), revoke(primary())), primary(), "key_not_primary")


@_case
def _a_standby_of_an_epoch_without_primary() -> Case:
    return _shows(_signed(standby(), revoke(primary())), standby(), "key_not_primary")


@_case
def _two_primaries_of_one_epoch() -> Case:
    return _shows(_signed(primary(), standby(role="primary")), primary(), "key_not_primary")


@_case
def _two_epochs_at_once() -> Case:
    rival = key_leaf(other_key(), "adult", 8, BEGINS + DAY)
    return _shows(_signed(primary(), rival), primary(), "key_not_primary")


@_case
def _the_key_of_the_next_epoch() -> Case:
    ahead = key_leaf(other_key(), "adult", 8, BEGINS + EPOCH)
    return _shows(_signed(primary(), ahead), ahead, "key_not_current")


@_case
def _the_key_of_the_epoch_before() -> Case:
    behind = key_leaf(other_key(), "adult", 6, BEGINS - EPOCH)
    return _shows(_signed(behind, primary()), behind, "key_not_current")


@_case
def _one_second_less_than_24_hours() -> Case:
    log = KeyLog().add(primary()).sign((WITNESS, WITNESS_SEED, BEGINS - DAY + 1))
    return _shows(log, primary(), "key_not_witnessed")


@_case
def _no_cosignature() -> Case:
    return _shows(KeyLog().add(primary()).sign(), primary(), "key_not_witnessed")


@_case
def _a_witness_nobody_named() -> Case:
    return _shows(KeyLog().add(primary()).sign((*SECOND, EARLY)), primary(), "key_not_witnessed")


@_case
def _a_witness_who_saw_the_log_before_the_key_was_in_it() -> Case:
    log = KeyLog().add(FILES).sign(SEEN).add(primary()).sign()
    return _shows(log, primary(), "key_not_witnessed")


@_case
def _one_of_two_witnesses() -> Case:
    config = trust(((WITNESS, WITNESS_SEED), SECOND))
    return _shows(_signed(primary()), primary(), "key_not_witnessed", config=config)


@_case
def _two_of_two_witnesses() -> Case:
    config = trust(((WITNESS, WITNESS_SEED), SECOND))
    return _shows(KeyLog().add(primary()).sign(SEEN, (*SECOND, EARLY)), primary(), config=config)


def _spki(bits: int, exponent: int) -> bytes:
    key = rsa.generate_private_key(exponent, bits).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _foreign(spki: bytes) -> Case:
    leaf = primary(key=b64url_encode(spki), key_id=b64url_encode(sha256(spki).digest()))
    return _shows(_signed(leaf), leaf, "key_form")


@_case
def _a_key_in_the_form_of_ordinary_rsa() -> Case:
    return _foreign(_spki(2048, 65537))


@_case
def _a_key_with_exponent_3() -> Case:
    return _foreign(_spki(2048, 3))


@_case
def _a_token_key_with_another_exponent() -> Case:
    return _foreign(token_key().public.to_spki()[:-1] + b"\x03")


@_case
def _a_token_key_with_an_even_modulus() -> Case:
    spki = bytearray(token_key().public.to_spki())
    spki[-6] &= 0xFE
    return _foreign(bytes(spki))


@_case
def _a_key_under_the_id_of_another() -> Case:
    leaf = primary(key_id=standby()["key_id"])
    return _shows(_signed(leaf), leaf, "key_form")


@_case
def _a_key_logged_twice() -> Case:
    return _shows(_signed(primary(), primary(role="standby")), primary(), "log_refused")


@_case
def _a_log_signed_by_another_key() -> Case:
    return _shows(KeyLog(seed=bytes(32)).add(primary()).sign(SEEN), primary(), "log_refused")


@_case
def _a_log_of_another_origin() -> Case:
    return _shows(KeyLog(origin="other.example/log").add(primary()).sign(SEEN), primary(), "log_refused")


@_case
def _another_log_signed_by_the_same_key_under_another_name() -> Case:
    log = KeyLog(origin="other.example/log", name="other.example/log").add(primary()).sign(SEEN)
    return _shows(log, primary(), "log_refused")


@_case
def _a_checkpoint_that_its_log_only_cosigned() -> Case:
    log = KeyLog(name="other.example/log").add(primary()).sign(SEEN, (ORIGIN, LOG_SEED, EARLY))
    config = trust()
    config["log"]["verifier_key"] = verifier_key(ORIGIN, LOG_SEED, SignatureType.COSIGNATURE)
    return _shows(log, primary(), "log_refused", config=config)


@_case
def _a_leaf_more_than_signed() -> Case:
    log = _signed(primary())
    return _shows(log.add(standby()), primary(), "log_refused")


@_case
def _a_leaf_less_than_signed() -> Case:
    log = _signed(primary(), standby())
    del log.entries[-1]
    return _shows(log, primary(), "log_refused")


@_case
def _leaves_in_another_order() -> Case:
    log = _signed(primary(), standby(), FILES)
    log.entries.reverse()
    return _shows(log, primary(), "log_refused")


@_case
def _a_log_smaller_than_remembered() -> Case:
    large = _signed(primary(), standby(), revoke(primary()))
    return _shows(_signed(primary(), standby()), primary(), "log_refused", remembered=large.head())


@_case
def _a_log_that_differs_from_what_is_remembered() -> Case:
    other = _signed(standby(role="primary"))
    return _shows(_signed(primary(), FILES), primary(), "log_refused", remembered=other.head())


@_case
def _an_older_checkpoint_of_another_history() -> Case:
    log = _signed(primary(), FILES)
    log.notes.insert(0, _signed(standby()).notes[0])
    return _shows(log, primary(), "log_refused")


@_case
def _a_leaf_with_spaces() -> Case:
    return _shows(_signed(json.dumps(primary(), sort_keys=True).encode()), primary(), "log_refused")


@_case
def _a_leaf_out_of_order() -> Case:
    return _shows(_signed(json.dumps(primary(), separators=(",", ":")).encode()), primary(), "log_refused")


@_case
def _a_leaf_with_a_member_twice() -> Case:
    twice = canonical(primary()).replace(b'"epoch":7', b'"epoch":7,"epoch":7')
    return _shows(_signed(twice), primary(), "log_refused")


@_case
def _a_leaf_with_a_member_more() -> Case:
    return _shows(_signed(primary(for_you=True)), primary(), "log_refused")


@_case
def _a_leaf_of_another_type() -> Case:
    return _shows(_signed(primary(), {"type": "note", "at": NOW}), primary(), "log_refused")


@_case
def _a_leaf_of_another_token_type() -> Case:
    return _shows(_signed(primary(token_type=5)), primary(), "log_refused")


@_case
def _a_leaf_of_a_third_band() -> Case:
    return _shows(_signed(primary(band="adult-7")), primary(band="adult-7"), "log_refused")


@_case
def _a_leaf_that_is_no_object() -> Case:
    return _shows(_signed(primary(), b"7"), primary(), "log_refused")


@_case
def _a_leaf_that_is_not_utf_8() -> Case:
    return _shows(_signed(primary(), b"\xff\xfe"), primary(), "malformed")


@_case
def _a_leaf_in_padded_base64() -> Case:
    document = _signed(primary(), b"{}").document
    document["leaves"][1] = b64_padded_url_encode(b"{}")
    return {"document": document, "shown": shown(primary()), "expected": "malformed"}


@_case
def _an_empty_log() -> Case:
    empty = KeyLog().sign(SEEN)
    assert empty.head() == (0, EMPTY_ROOT)
    return _shows(empty, primary(), "key_not_logged")


@_case
def _a_document_without_leaves() -> Case:
    document = {"checkpoint": _signed(primary()).notes[0]}
    return {"document": document, "shown": shown(primary()), "expected": "log_refused"}


@_case
def _no_document() -> Case:
    return {"document": None, "shown": shown(primary()), "expected": "log_refused"}

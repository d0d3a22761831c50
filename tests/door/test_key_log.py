"""The door believes a key log that only grows, that its key signed and a witness saw (threats D07)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.blind_rsa_keys import BlindRsaKey
from crypto.encoding import b64url_encode
from crypto.merkle import leaf_hash, root_of
from crypto.notes import Checkpoint, SignatureType, cosign_checkpoint, sign_checkpoint, verifier_of
from idp.domain.age_token import canonical, epoch_of, epoch_start, revoke_leaf
from idp.protocol.door.key_log import KeyLogRefused, Trust, admitted_keys, read_document, verify_log
from tests.clock import START
from tests.crypto.token_keys import other_key, token_key
from tests.veiled import WITNESS, WITNESS_SEED, witness_verifier

DAY = 86400
SEED = bytes(range(32, 64))
NAME = "id.example/token-keys"
EPOCH = epoch_of(START)


def leaf_of(
    signing: BlindRsaKey, /, role: str = "primary", epoch: int = EPOCH, band: str = "adult", **changes: Any
) -> dict[str, Any]:
    """The leaf of a key, used from the start of its epoch unless a test says otherwise."""
    return {
        "type": "key",
        "token_type": 2,
        "band": band,
        "epoch": epoch,
        "role": role,
        "not_before": epoch_start(epoch),
        "not_after": epoch_start(epoch + 1),
        "key": b64url_encode(signing.public.to_spki()),
        "key_id": b64url_encode(signing.public.token_key_id),
        **changes,
    }


def note_of(leaves: list[bytes], witnessed_at: int | None = None, seed: bytes = SEED, name: str = NAME) -> str:
    """The log's note over leaves, cosigned where a time is given."""
    note = sign_checkpoint(Checkpoint(name, len(leaves), root_of([leaf_hash(leaf) for leaf in leaves])), name, seed)
    return note if witnessed_at is None else cosign_checkpoint(note, WITNESS, WITNESS_SEED, witnessed_at)


@pytest.fixture(scope="module")
def trust() -> Trust:
    """The log's key and one witness, 24 hours."""
    return Trust(verifier_of(NAME, SEED), (witness_verifier(),), 24)


def admitted(
    trust: Trust, leaves: list[dict[str, Any]], witnessed_at: int | None = epoch_start(EPOCH) - DAY
) -> set[bytes]:
    entries = [canonical(leaf) for leaf in leaves]
    return set(admitted_keys(verify_log(entries, [note_of(entries, witnessed_at)], trust), trust))


# ---------------------------------------------------------------------------------------------------- which key counts
def test_primary_counts_and_its_standby_does_not(trust: Trust) -> None:
    leaves = [leaf_of(token_key()), leaf_of(other_key(), "standby")]
    assert admitted(trust, leaves) == {token_key().public.token_key_id}
    assert admitted(trust, leaves[1:]) == set()


def test_revocation_ends_the_primary_and_admits_the_standby(trust: Trust) -> None:
    primary, standby = leaf_of(token_key()), leaf_of(other_key(), "standby")
    revoked = json.loads(revoke_leaf(token_key().public.token_key_id, START))
    assert admitted(trust, [primary, standby, revoked]) == {other_key().public.token_key_id}
    assert admitted(trust, [primary, revoked]) == set()


def test_second_primary_of_a_band_and_epoch_ends_both(trust: Trust) -> None:
    """One key for most people and one for somebody: both in the log, and neither counts."""
    assert admitted(trust, [leaf_of(token_key()), leaf_of(other_key())]) == set()
    assert len(admitted(trust, [leaf_of(token_key()), leaf_of(other_key(), band="minor")])) == 2
    assert len(admitted(trust, [leaf_of(token_key()), leaf_of(other_key(), epoch=EPOCH + 1)])) == 2


@pytest.mark.parametrize(
    ("witnessed_at", "counts"),
    [
        (None, False),
        (epoch_start(EPOCH) - DAY + 1, False),
        (epoch_start(EPOCH), False),
        (START, False),
        (epoch_start(EPOCH) - DAY, True),
        (epoch_start(EPOCH) - 9 * DAY, True),
    ],
)
def test_key_that_no_witness_saw_a_day_before_its_use_does_not_count(
    trust: Trust, witnessed_at: int | None, counts: bool
) -> None:
    assert bool(admitted(trust, [leaf_of(token_key())], witnessed_at)) is counts


def test_every_witness_must_have_seen_a_key(trust: Trust) -> None:
    second = verifier_of("second.example", bytes(32), SignatureType.COSIGNATURE)
    both = replace(trust, witnesses=(*trust.witnesses, second))
    entries = [canonical(leaf_of(token_key()))]
    early, late = epoch_start(EPOCH) - 2 * DAY, epoch_start(EPOCH) - DAY + 1
    one = note_of(entries, early)
    assert admitted_keys(verify_log(entries, [one], trust), trust)
    assert not admitted_keys(verify_log(entries, [one], both), both)
    for seen_at, counts in ((early, True), (late, False)):
        notes = [cosign_checkpoint(one, "second.example", bytes(32), seen_at)]
        assert bool(admitted_keys(verify_log(entries, notes, both), both)) is counts


def test_older_note_shows_that_a_key_was_seen_in_time(trust: Trust) -> None:
    entries = [canonical(leaf_of(token_key()))]
    old = note_of(entries, epoch_start(EPOCH) - DAY)
    entries.append(canonical(leaf_of(other_key(), epoch=EPOCH + 1)))
    new = note_of(entries, START)
    known = admitted_keys(verify_log(entries, [new, old], trust), trust)
    assert known.keys() == {token_key().public.token_key_id, other_key().public.token_key_id}
    assert not admitted_keys(verify_log(entries, [new], trust), trust).keys() & {token_key().public.token_key_id}


@pytest.mark.parametrize(
    "changes",
    [
        {"not_after": epoch_start(EPOCH + 1) + 1},
        {"not_after": epoch_start(EPOCH + 2)},
        {"not_before": epoch_start(EPOCH) - 1},
        {"not_before": epoch_start(EPOCH + 1)},
        {"key_id": b64url_encode(bytes(32))},
        {"key": b64url_encode(other_key().public.to_spki())},
        {"key": b64url_encode(bytes(342))},
        {"key": ""},
    ],
)
def test_key_of_another_time_or_form_does_not_count(trust: Trust, changes: dict[str, Any]) -> None:
    assert admitted(trust, [leaf_of(token_key(), **changes)], START - 90 * DAY) == set()


def test_longer_rsa_key_does_not_count(trust: Trust) -> None:
    for bits in (1024, 3072):
        public = generate_private_key(65537, bits).public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert admitted(trust, [leaf_of(token_key(), key=b64url_encode(spki))]) == set()


# ------------------------------------------------------------------------------------------------ which log is believed
def refused(trust: Trust, leaves: list[bytes], notes: list[str], seen: list[bytes] | None = None) -> str:
    with pytest.raises(KeyLogRefused) as error:
        verify_log(leaves, notes, trust, seen or [])
    return error.value.reason


@pytest.fixture
def entries() -> list[bytes]:
    return [canonical(leaf_of(token_key())), canonical(leaf_of(other_key(), "standby"))]


def test_log_that_shrank_or_forked_is_refused(trust: Trust, entries: list[bytes]) -> None:
    assert refused(trust, entries[:1], [note_of(entries[:1])], entries) == "shrunk"
    assert refused(trust, [], [note_of([])], entries) == "shrunk"
    turned = entries[::-1]
    assert refused(trust, turned, [note_of(turned)], entries) == "forked"
    other = [entries[0], canonical(leaf_of(other_key(), "standby", band="minor"))]
    assert refused(trust, other, [note_of(other)], entries) == "forked"
    longer = [*other, entries[1]]
    assert refused(trust, longer, [note_of(longer)], entries) == "forked"
    grown = [*entries, revoke_leaf(bytes(32), 1)]
    assert verify_log(grown, [note_of(grown)], trust, entries).leaves == tuple(grown)


def test_note_must_be_the_logs_own_and_of_these_leaves(trust: Trust, entries: list[bytes]) -> None:
    assert refused(trust, entries, [note_of(entries, seed=bytes(32))]) == "bad_note"
    assert refused(trust, entries, [note_of(entries, name="other.example/token-keys")]) == "bad_note"
    assert refused(trust, entries, [note_of(entries[:1])]) == "wrong_size"
    assert refused(trust, entries, []) == "wrong_size"
    assert refused(trust, entries, [note_of(entries[::-1])]) == "contradiction"
    # An older note of the log's own over other leaves: it has shown somebody another log.
    assert refused(trust, entries, [note_of(entries), note_of(entries[1:])]) == "contradiction"
    # A note of a size that the log has not reached.
    assert refused(trust, entries, [note_of(entries), note_of([*entries, b"x"])]) == "contradiction"


def test_wrong_cosignature_of_a_known_witness_refuses_the_note(trust: Trust, entries: list[bytes]) -> None:
    note = note_of(entries, START)
    at = note.rindex("witness.example ") + 60
    changed = note[:at] + ("A" if note[at] != "A" else "B") + note[at + 1 :]
    assert refused(trust, entries, [changed]) == "bad_note"


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"[]",
        b"null",
        b'{"type":"key"}',
        b'{"at":1,"type":"unknown"}',
        b'{"at":1,"key_id":"AA"}',
        b'{"at":-1,"key_id":"AA","type":"revoke"}',
        b'{"at":1.0,"key_id":"AA","type":"revoke"}',
        b'{"at":true,"key_id":"AA","type":"revoke"}',
        b'{"at":1,"key_id":7,"type":"revoke"}',
        b'{"at":1,"key_id":"A","type":"revoke"}',
        b'{"at":1,"key_id":"AA","more":1,"type":"revoke"}',
        b'{"at": 1,"key_id":"AA","type":"revoke"}',
        b'{"type":"revoke","key_id":"AA","at":1}',
        b'{"at":1,"at":1,"key_id":"AA","type":"revoke"}',
        b'{"type":["key"]}',
        canonical(leaf_of(token_key(), token_type=1)),
        canonical(leaf_of(token_key(), band="elder")),
        canonical(leaf_of(token_key(), role="third")),
        canonical(leaf_of(token_key(), role=["primary"])),
        canonical({**leaf_of(token_key()), "epoch": "1"}),
        canonical(leaf_of(token_key(), key=10**9)),
        canonical(leaf_of(token_key(), key_id=None)),
        canonical(leaf_of(token_key())) + b" ",
    ],
)  # fmt: skip
def test_leaf_that_is_not_canonical_or_not_known_refuses_the_log(trust: Trust, leaf: bytes) -> None:
    assert refused(trust, [leaf], [note_of([leaf])]) == "malformed"


def test_key_that_stands_twice_refuses_the_log(trust: Trust) -> None:
    twice = [canonical(leaf_of(token_key())), canonical(leaf_of(token_key(), band="minor"))]
    assert refused(trust, twice, [note_of(twice)]) == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"1", b'"x"', b"\xff", b"{}", b'{"leaves":[]}', b'{"leaves":{},"checkpoint":""}',
        b'{"leaves":"AA","checkpoint":""}', b'{"leaves":[5000000000],"checkpoint":""}',
        b'{"leaves":[],"checkpoint":1}', b'{"leaves":[],"checkpoint":"","witnessed":{}}',
        b'{"leaves":[],"checkpoint":"","witnessed":[1]}', b'{"leaves":["A"],"checkpoint":""}',
        b'{"leaves":[],"leaves":[],"checkpoint":""}',
        json.dumps({"leaves": [""] * 20_001, "checkpoint": ""}).encode(),
        json.dumps({"leaves": [], "checkpoint": "", "witnessed": [""] * 2_000}).encode(),
    ],
)  # fmt: skip
def test_document_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(KeyLogRefused) as error:
        read_document(body)
    assert error.value.reason == "malformed"


_NAMES = st.sampled_from(("leaves", "checkpoint", "witnessed", "type", "at", "key_id", "files"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(document=_JSON, leaf=_JSON)
def test_no_document_and_no_leaf_crashes_the_door(trust: Trust, document: Any, leaf: Any) -> None:
    try:
        read_document(json.dumps(document).encode())
    except KeyLogRefused:
        pass
    try:
        data = json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()
        verify_log([data], [note_of([data])], trust)
    except KeyLogRefused as error:
        assert error.reason == "malformed"


def test_trust_in_a_key_of_the_other_kind_is_refused(trust: Trust) -> None:
    for wrong in ((witness_verifier(), ()), (trust.log, (trust.log,))):
        with pytest.raises(KeyLogRefused, match="cosign"):
            Trust(*wrong)


# ---------------------------------------------------------------------------------------------- the door as it follows

"""Signed notes, checkpoints and cosignatures (C2SP signed-note, tlog-checkpoint, tlog-cosignature)."""

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import MerkleError
from crypto.notes import (
    SIGNATURES_MAX,
    Checkpoint,
    SignatureType,
    Verifier,
    cosign_checkpoint,
    open_checkpoint,
    open_note,
    sign_checkpoint,
)
from tests.crypto.cheap import CHEAP

LOG_NAME, WITNESS_NAME = "id.example/keys", "witness.example/w1"
LOG_SEED, WITNESS_SEED, OTHER_SEED = bytes(range(32)), bytes(range(32, 64)), bytes(32)
NOW = 1_790_000_000


def public_key(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


LOG = Verifier(LOG_NAME, public_key(LOG_SEED))
WITNESS = Verifier(WITNESS_NAME, public_key(WITNESS_SEED), SignatureType.COSIGNATURE)
CHECKPOINT = Checkpoint(LOG_NAME, 20852163, bytes(range(32)))
SIGNED = sign_checkpoint(CHECKPOINT, LOG_NAME, LOG_SEED)
COSIGNED = cosign_checkpoint(SIGNED, WITNESS_NAME, WITNESS_SEED, NOW)
TEXT = f"id.example/keys\n20852163\n{b64encode(bytes(range(32))).decode()}\n"

# The example of Go's golang.org/x/mod/sumdb/note: another implementation's key and signature.
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def line_of(name: str, key_id: bytes, signature: bytes) -> str:
    return f"\u2014 {name} {b64encode(key_id + signature).decode()}\n"


def test_the_note_of_another_implementation_opens() -> None:
    opened = open_note(GO_NOTE, [Verifier.parse(GO_VERIFIER)])
    assert opened.text == GO_NOTE.split("\n\n")[0] + "\n"
    assert [signature.verifier.name for signature in opened.signatures] == ["PeterNeumann"]
    assert opened.signatures[0].time is None


def test_the_checkpoint_of_the_specification_is_written_as_there() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root.hex()[:8]) == (
        "example.com/behind-the-sofa",
        20852163,
        "0ac5186a",
    )
    assert checkpoint.to_text() == text


def test_a_signed_checkpoint_is_its_text_a_blank_line_and_an_ed25519_line() -> None:
    key_id = sha256(LOG_NAME.encode() + b"\n\x01" + public_key(LOG_SEED)).digest()[:4]
    signature = Ed25519PrivateKey.from_private_bytes(LOG_SEED).sign(TEXT.encode())
    assert SIGNED == TEXT + "\n" + line_of(LOG_NAME, key_id, signature)


def test_a_cosignature_covers_its_time_and_the_text() -> None:
    key_id = sha256(WITNESS_NAME.encode() + b"\n\x04" + public_key(WITNESS_SEED)).digest()[:4]
    message = f"cosignature/v1\ntime {NOW}\n{TEXT}".encode()
    signature = NOW.to_bytes(8, "big") + Ed25519PrivateKey.from_private_bytes(WITNESS_SEED).sign(message)
    assert COSIGNED == SIGNED + line_of(WITNESS_NAME, key_id, signature)


def test_a_checkpoint_opens_with_its_log_and_its_witnesses() -> None:
    checkpoint, opened = open_checkpoint(COSIGNED, LOG, [WITNESS])
    assert checkpoint == CHECKPOINT
    assert opened.signature_by(WITNESS) is not None
    assert [(signature.verifier, signature.time) for signature in opened.signatures] == [
        (LOG, None),
        (WITNESS, NOW),
    ]
    assert open_checkpoint(COSIGNED, LOG)[1].signature_by(WITNESS) is None
    assert open_checkpoint(SIGNED, LOG, [WITNESS])[1].signature_by(WITNESS) is None


@CHEAP
@given(
    st.text(min_size=1, max_size=20).filter(lambda text: all(ord(letter) >= 32 for letter in text)),
    st.integers(min_value=0, max_value=2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_a_checkpoint_comes_back(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    assert Checkpoint.parse(checkpoint.to_text()) == checkpoint
    assert Checkpoint.parse(open_note(sign_checkpoint(checkpoint, LOG_NAME, LOG_SEED), [LOG]).text) == checkpoint


@CHEAP
@given(st.data())
def test_a_note_with_any_changed_character_does_not_open_as_it_was(data: st.DataObject) -> None:
    position = data.draw(st.integers(min_value=0, max_value=len(COSIGNED) - 1))
    letter = data.draw(st.characters(max_codepoint=0x2100).filter(lambda letter: letter != COSIGNED[position]))
    try:
        checkpoint, opened = open_checkpoint(COSIGNED[:position] + letter + COSIGNED[position + 1 :], LOG, [WITNESS])
    except MerkleError:
        return
    # A changed name or key id makes the witness's line an unknown one: no more than that may be lost.
    assert checkpoint == CHECKPOINT
    assert opened.signature_by(WITNESS) is None


def test_a_note_cut_anywhere_does_not_open_and_neither_does_one_with_a_tail() -> None:
    for length in range(len(SIGNED)):
        with pytest.raises(MerkleError):
            open_note(SIGNED[:length], [LOG])
    for tail in ("\n", " ", "x", "\n\n", "\u2014 x\n", "\u2014 x AAAAAAA=", "\u2014 x AAAA\n", "\u2014 x AAAAAA==\n"):
        with pytest.raises(MerkleError):
            open_note(SIGNED + tail, [LOG])


def test_a_witness_alone_or_an_unknown_log_does_not_make_a_checkpoint() -> None:
    by_other = cosign_checkpoint(sign_checkpoint(CHECKPOINT, LOG_NAME, OTHER_SEED), WITNESS_NAME, WITNESS_SEED, NOW)
    assert open_note(by_other, [LOG, WITNESS]).signature_by(LOG) is None
    with pytest.raises(MerkleError):
        open_checkpoint(by_other, LOG, [WITNESS])
    with pytest.raises(MerkleError):
        open_note(by_other, [LOG])
    with pytest.raises(MerkleError):
        open_note(SIGNED, [])


def test_a_checkpoint_of_another_log_under_the_same_key_is_refused() -> None:
    other = sign_checkpoint(Checkpoint("id.example/audit", 1, bytes(32)), LOG_NAME, LOG_SEED)
    open_note(other, [LOG])
    with pytest.raises(MerkleError):
        open_checkpoint(other, LOG)


def test_a_wrong_signature_of_a_known_key_refuses_the_whole_note() -> None:
    for length in (0, 8, 63, 64, 71, 72, 73):
        if length:
            with pytest.raises(MerkleError):
                open_note(SIGNED + line_of(WITNESS_NAME, WITNESS.key_id, bytes(length)), [LOG, WITNESS])
        with pytest.raises(MerkleError):
            open_note(TEXT + "\n" + line_of(LOG_NAME, LOG.key_id, bytes(length)), [LOG])


def test_unknown_signatures_are_ignored_even_with_a_known_name_or_id() -> None:
    unknown = line_of(LOG_NAME, b"\0\0\0\0", bytes(64)) + line_of("other.example", LOG.key_id, b"x")
    assert open_checkpoint(SIGNED + unknown, LOG)[0] == CHECKPOINT


def test_a_cosignature_moved_to_another_time_or_tree_does_not_verify() -> None:
    line = COSIGNED[len(SIGNED) :]
    blob = b64decode(line.split(" ")[2])
    later = line_of(WITNESS_NAME, blob[:4], (NOW + 1).to_bytes(8, "big") + blob[12:])
    too_late = line_of(WITNESS_NAME, blob[:4], b"\xff" * 8 + blob[12:])
    other = sign_checkpoint(Checkpoint(LOG_NAME, 20852164, bytes(range(32))), LOG_NAME, LOG_SEED)
    for note in (SIGNED + later, SIGNED + too_late, other + line):
        with pytest.raises(MerkleError):
            open_note(note, [LOG, WITNESS])


def test_a_log_signature_does_not_pass_for_a_cosignature() -> None:
    signed_by_witness = sign_checkpoint(CHECKPOINT, WITNESS_NAME, WITNESS_SEED)
    with pytest.raises(MerkleError):
        open_note(signed_by_witness, [WITNESS])


def test_one_key_signs_once() -> None:
    twice = cosign_checkpoint(SIGNED, WITNESS_NAME, WITNESS_SEED, NOW + 1)[len(SIGNED) :]
    with pytest.raises(MerkleError):
        open_note(COSIGNED + twice, [LOG, WITNESS])
    with pytest.raises(MerkleError):
        cosign_checkpoint(COSIGNED, WITNESS_NAME, WITNESS_SEED, NOW + 1)
    # The same line again says nothing new.
    assert open_note(SIGNED + SIGNED.split("\n\n")[1], [LOG]).signatures == open_note(SIGNED, [LOG]).signatures


def test_16_signatures_are_accepted_and_the_number_is_bounded() -> None:
    def with_lines(count: int) -> str:
        return SIGNED + "".join(line_of(f"w{number}", b"abcd", b"x") for number in range(count))

    for count in (15, SIGNATURES_MAX - 1):
        assert open_checkpoint(with_lines(count), LOG)[0] == CHECKPOINT
    with pytest.raises(MerkleError):
        open_note(with_lines(SIGNATURES_MAX), [LOG])
    with pytest.raises(MerkleError):
        cosign_checkpoint(with_lines(SIGNATURES_MAX - 1), WITNESS_NAME, WITNESS_SEED, NOW)


def test_extension_lines_are_signed_kept_and_meaningless() -> None:
    extended = Checkpoint(LOG_NAME, 1, bytes(32), ("hello", "\u4e16\u754c"))
    note = cosign_checkpoint(sign_checkpoint(extended, LOG_NAME, LOG_SEED), WITNESS_NAME, WITNESS_SEED, NOW)
    assert open_checkpoint(note, LOG, [WITNESS])[0] == extended
    with pytest.raises(MerkleError):
        open_note(note.replace("hello", "hallo"), [LOG])


def test_the_text_may_hold_blank_lines_and_ends_at_the_last() -> None:
    text = "one\n\ntwo\n"
    key = Ed25519PrivateKey.from_private_bytes(LOG_SEED)
    note = text + "\n" + line_of(LOG_NAME, LOG.key_id, key.sign(text.encode()))
    assert open_note(note, [LOG]).text == text


@pytest.mark.parametrize("text", ["a\tb\n", "a\x01b\n", "a\r\nb\n"])
def test_a_signed_text_with_control_characters_is_refused(text: str) -> None:
    signature = Ed25519PrivateKey.from_private_bytes(LOG_SEED).sign(text.encode())
    with pytest.raises(MerkleError):
        open_note(text + "\n" + line_of(LOG_NAME, LOG.key_id, signature), [LOG])


ROOT_TEXT = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "log\n1\n",
        f"log\n1\n{ROOT_TEXT}",
        f"\n1\n{ROOT_TEXT}\n",
        f"log\n\n{ROOT_TEXT}\n",
        f"log\n01\n{ROOT_TEXT}\n",
        f"log\n-1\n{ROOT_TEXT}\n",
        f"log\n+1\n{ROOT_TEXT}\n",
        f"log\n1 \n{ROOT_TEXT}\n",
        f"log\n\u0661\n{ROOT_TEXT}\n",
        f"log\n9223372036854775808\n{ROOT_TEXT}\n",
        f"log\n{'9' * 5000}\n{ROOT_TEXT}\n",
        f"log\n1\n{ROOT_TEXT[:-1]}\n",
        f"log\n1\n{ROOT_TEXT[:-2]}B=\n",
        f"log\n1\n {ROOT_TEXT}\n",
        f"log\n1\n{b64encode(bytes(31)).decode()}\n",
        f"log\n1\n{ROOT_TEXT}\n\n",
        f"log\n1\n{ROOT_TEXT}\n\nmore\n",
        f"lo\tg\n1\n{ROOT_TEXT}\n",
        f"log\r\n1\n{ROOT_TEXT}\n",
    ],
)
def test_a_checkpoint_has_one_form(text: str) -> None:
    with pytest.raises(MerkleError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root", "extension"),
    [
        ("", 1, bytes(32), ()),
        ("a\nb", 1, bytes(32), ()),
        ("a\x00b", 1, bytes(32), ()),
        ("\ud800", 1, bytes(32), ()),
        ("log", -1, bytes(32), ()),
        ("log", 2**63, bytes(32), ()),
        ("log", 1, bytes(31), ()),
        ("log", 1, bytes(32), ("",)),
        ("log", 1, bytes(32), ("a\nb",)),
    ],
)
def test_a_checkpoint_that_cannot_be_written_cannot_be_made(
    origin: str, size: int, root: bytes, extension: tuple[str, ...]
) -> None:
    with pytest.raises(MerkleError):
        Checkpoint(origin, size, root, extension)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u3000b", "a\nb", "a\x01b", "\ud800"])
def test_a_key_name_has_no_spaces_plus_or_control_characters(name: str) -> None:
    with pytest.raises(MerkleError):
        Verifier(name, bytes(32))
    with pytest.raises(MerkleError):
        sign_checkpoint(CHECKPOINT, name, LOG_SEED)
    with pytest.raises(MerkleError):
        cosign_checkpoint(SIGNED, name, WITNESS_SEED, NOW)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        TEXT,
        TEXT + "\n",
        SIGNED.replace("\u2014", "-"),
        SIGNED + "\x00",
        "\ud800" + SIGNED,
        "x" * 70_000 + SIGNED,
    ],
)
def test_a_malformed_note_neither_opens_nor_is_cosigned(note: str) -> None:
    with pytest.raises(MerkleError):
        open_note(note, [LOG])
    with pytest.raises(MerkleError):
        cosign_checkpoint(note, WITNESS_NAME, WITNESS_SEED, NOW)


def test_a_witness_signs_checkpoints_only() -> None:
    with pytest.raises(MerkleError):
        cosign_checkpoint(GO_NOTE, WITNESS_NAME, WITNESS_SEED, NOW)


@pytest.mark.parametrize("time", [-1, 2**63])
def test_a_cosignature_has_a_time_of_63_bits(time: int) -> None:
    with pytest.raises(MerkleError):
        cosign_checkpoint(SIGNED, WITNESS_NAME, WITNESS_SEED, time)


def test_a_seed_is_32_bytes() -> None:
    for seed in (b"", bytes(31), bytes(64)):
        with pytest.raises(MerkleError):
            sign_checkpoint(CHECKPOINT, LOG_NAME, seed)


@pytest.mark.parametrize("verifier", [LOG, WITNESS])
def test_a_verifier_comes_back(verifier: Verifier) -> None:
    assert Verifier.parse(verifier.to_text()) == verifier


def test_a_verifier_key_of_another_implementation_has_its_key_id() -> None:
    assert Verifier.parse(GO_VERIFIER).to_text() == GO_VERIFIER
    sum_golang_org = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert Verifier.parse(sum_golang_org).to_text() == sum_golang_org


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        GO_VERIFIER + "\n",
        GO_VERIFIER.replace("c74f20a3", "c74f20a4"),
        GO_VERIFIER.replace("c74f20a3", "C74F20A3"),
        GO_VERIFIER.replace("PeterNeumann", "Peter Neumann"),
        GO_VERIFIER.replace("PeterNeumann", "PeterNewmann"),
        GO_VERIFIER.replace("+ARpc", "+AhPc"),
        GO_VERIFIER[:-1],
        GO_VERIFIER[:-4],
        "a+00000000+AA==",
    ],
)
def test_a_verifier_key_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(MerkleError):
        Verifier.parse(text)


def test_a_public_key_of_small_order_verifies_nothing() -> None:
    # With the identity as key, R of the identity and s = 0 satisfy the bare equation for every message.
    weak = Verifier(LOG_NAME, (1).to_bytes(32, "little"))
    note = TEXT + "\n" + line_of(LOG_NAME, weak.key_id, (1).to_bytes(32, "little") + bytes(32))
    with pytest.raises(MerkleError):
        open_note(note, [weak])

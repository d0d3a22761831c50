"""RSA blind signatures (RFC 9474), by both backends."""

import ast
import math
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given
from hypothesis import strategies as st

import crypto
from crypto import blind_rsa
from crypto.blind_rsa import (
    PSS_DETERMINISTIC,
    PSSZERO_DETERMINISTIC,
    VARIANTS,
    SigningError,
    Variant,
    blind,
    blind_sign,
    blind_with,
    finalize,
    prepare,
    prepare_with,
    verify,
)
from crypto.blind_rsa_keys import Backend, BlindRsaKey
from crypto.errors import BlindRsaError
from crypto.pss import emsa_pss_encode
from tests.crypto.cheap import CHEAP
from tests.crypto.token_keys import BACKENDS, backend, other_key, published, token_key

both_backends = pytest.mark.parametrize("backend_name", BACKENDS)
SIZE = 256
RFC_9474 = "rfc9474_blind_rsa.json"
VARIANT_NAMES = sorted(VARIANTS)


def number(text: str) -> int:
    return int(text, 16)


@cache
def published_key(name: str) -> rsa.RSAPrivateKey:
    (vector,) = (vector for vector in published(RFC_9474) if vector["name"] == name)
    p, q, n, e, d = (number(vector[part]) for part in "pqned")
    public = rsa.RSAPublicNumbers(e, n)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q), public)
    return numbers.private_key()


def test_published_file_has_all_four_variants() -> None:
    assert sorted(vector["name"] for vector in published(RFC_9474)) == VARIANT_NAMES


@both_backends
@pytest.mark.parametrize("name", VARIANT_NAMES)
def test_every_step_of_the_published_vectors(name: str, backend_name: str) -> None:
    (vector,) = (vector for vector in published(RFC_9474) if vector["name"] == name)
    variant = VARIANTS[name]
    key = BlindRsaKey(published_key(name), backend(backend_name))
    assert variant.salt_size == number(vector["sLen"])
    assert variant.is_randomized == (vector["is_randomized"] == "0x01")

    prepared = prepare_with(bytes.fromhex(vector["msg"]), bytes.fromhex(vector["msg_prefix"]))
    assert prepared.hex() == vector["input_msg"]
    salt = bytes.fromhex(vector["salt"])
    if "encoded_msg" in vector:
        em_bits = key.public.modulus.bit_length() - 1
        assert emsa_pss_encode(prepared, em_bits, salt, blind_rsa.HASH_NAME).hex() == vector["encoded_msg"]

    factor = pow(number(vector["inv"]), -1, key.public.modulus)
    blinded = blind_with(key.public, prepared, salt, factor)
    assert blinded.blinded_message.hex() == vector["blinded_msg"]
    assert blinded.inverse == number(vector["inv"])
    blind_signature = blind_sign(key, blinded.blinded_message)
    assert blind_signature.hex() == vector["blind_sig"]
    assert finalize(key.public, prepared, blind_signature, blinded.inverse, variant).hex() == vector["sig"]


def test_emsa_pss_encoding_of_the_published_vector() -> None:
    (vector,) = published("emsa_pss_vectors.json")
    message, salt = bytes.fromhex(vector["msg"]), bytes.fromhex(vector["salt"])
    assert emsa_pss_encode(message, 1023, salt, "sha1").hex() == vector["expected"]


def test_emsa_pss_needs_room_for_hash_and_salt() -> None:
    smallest = 8 * (48 + 48 + 2)
    assert len(emsa_pss_encode(b"m", smallest, bytes(48), "sha384")) == 98
    with pytest.raises(BlindRsaError):
        emsa_pss_encode(b"m", smallest - 8, bytes(48), "sha384")


@both_backends
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_signature_is_plain_rsa_pss_for_everyone_else(variant: Variant, backend_name: str) -> None:
    key = token_key(backend_name)
    prepared = prepare(b"a message", variant)
    assert len(prepared) == (9 + 32 if variant.is_randomized else 9)
    blinded = blind(key.public, prepared, variant)
    signature = finalize(key.public, prepared, blind_sign(key, blinded.blinded_message), blinded.inverse, variant)
    pss = padding.PSS(padding.MGF1(hashes.SHA384()), variant.salt_size)
    key.public.verifier.verify(signature, prepared, pss, hashes.SHA384())


@CHEAP
@given(message=st.binary(max_size=300))
def test_signature_holds_for_its_message_and_variant_only(message: bytes) -> None:
    key = token_key()
    blinded = blind(key.public, message)
    signature = finalize(key.public, message, blind_sign(key, blinded.blinded_message), blinded.inverse)
    verify(key.public, message, signature)
    for refused in (
        (key.public, message + b"\x00", signature, PSS_DETERMINISTIC),
        (key.public, message, signature, PSSZERO_DETERMINISTIC),
        (other_key().public, message, signature, PSS_DETERMINISTIC),
    ):
        with pytest.raises(BlindRsaError):
            verify(*refused)


@CHEAP
@given(position=st.integers(0, SIZE - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_ends_every_step(position: int, bit: int) -> None:
    key = token_key()
    flip = 1 << (8 * (SIZE - 1 - position) + bit)

    def flipped(block: bytes) -> bytes:
        return (int.from_bytes(block, "big") ^ flip).to_bytes(SIZE, "big")

    blinded = blind(key.public, b"m")
    blind_signature = blind_sign(key, blinded.blinded_message)
    signature = finalize(key.public, b"m", blind_signature, blinded.inverse)
    with pytest.raises(BlindRsaError):
        verify(key.public, b"m", flipped(signature))
    with pytest.raises(BlindRsaError):
        finalize(key.public, b"m", flipped(blind_signature), blinded.inverse)
    with pytest.raises(BlindRsaError):
        # Out of range already, or a signature on something else.
        finalize(key.public, b"m", blind_sign(key, flipped(blinded.blinded_message)), blinded.inverse)


def test_blinding_is_fresh_each_time() -> None:
    key = token_key()
    first, second = blind(key.public, b"same"), blind(key.public, b"same")
    assert first.blinded_message != second.blinded_message
    assert first.inverse != second.inverse
    assert str(first.inverse) not in repr(first)
    assert prepare(b"m", VARIANTS[VARIANT_NAMES[1]]) != prepare(b"m", VARIANTS[VARIANT_NAMES[1]])


def test_any_blinded_message_fits_any_message() -> None:
    # What blindness means: for a recorded blinded message and a foreign signature there is a factor that joins them.
    key = token_key()
    n = key.public.modulus
    recorded = blind(key.public, b"issued to one person").blinded_message
    em = emsa_pss_encode(b"spent by another", n.bit_length() - 1, bytes(48), "sha384")
    joined = int.from_bytes(recorded, "big") * pow(int.from_bytes(em, "big"), -1, n) % n
    private = rsa_numbers(key)
    factor = pow(joined, private.d, n)
    assert blind_with(key.public, b"spent by another", bytes(48), factor).blinded_message == recorded


def rsa_numbers(key: BlindRsaKey) -> rsa.RSAPrivateNumbers:
    private = load_der_private_key(key.to_pkcs8(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return private.private_numbers()


@pytest.mark.parametrize("factor", ["zero", "prime", "modulus"])
def test_blinding_factor_without_inverse_is_refused(factor: str) -> None:
    key = token_key()
    values = {"zero": 0, "prime": rsa_numbers(key).p, "modulus": key.public.modulus}
    with pytest.raises(BlindRsaError):
        blind_with(key.public, b"m", bytes(48), values[factor])


@both_backends
@pytest.mark.parametrize("offset", [0, 1, 2**20])
def test_blinded_message_at_or_above_the_modulus_is_refused(offset: int, backend_name: str) -> None:
    key = token_key(backend_name)
    with pytest.raises(BlindRsaError, match="out of range"):
        blind_sign(key, (key.public.modulus + offset).to_bytes(SIZE, "big"))


@both_backends
def test_edges_of_the_range(backend_name: str) -> None:
    key = token_key(backend_name)
    n = key.public.modulus
    with pytest.raises(BlindRsaError, match="out of range"):
        blind_sign(key, bytes(SIZE))
    for edge in (1, n - 1):
        block = edge.to_bytes(SIZE, "big")
        assert blind_sign(key, block) == block


@both_backends
@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE + 1, 2 * SIZE])
def test_blocks_of_another_length_are_refused(size: int, backend_name: str) -> None:
    key = token_key(backend_name)
    with pytest.raises(BlindRsaError):
        blind_sign(key, bytes(size))
    with pytest.raises(BlindRsaError):
        finalize(key.public, b"m", bytes(size), 1)
    with pytest.raises(BlindRsaError):
        verify(key.public, b"m", bytes(size))
    with pytest.raises(BlindRsaError):
        key.operation.private(bytes(size))
    with pytest.raises(BlindRsaError):
        key.operation.public(bytes(size))


@both_backends
def test_same_number_in_a_longer_spelling_is_refused(backend_name: str) -> None:
    key = token_key(backend_name)
    blinded = blind(key.public, b"m")
    blind_signature = blind_sign(key, blinded.blinded_message)
    signature = finalize(key.public, b"m", blind_signature, blinded.inverse)
    with pytest.raises(BlindRsaError, match="as long as"):
        blind_sign(key, b"\x00" + blinded.blinded_message)
    with pytest.raises(BlindRsaError, match="as long as"):
        finalize(key.public, b"m", b"\x00" + blind_signature, blinded.inverse)
    with pytest.raises(BlindRsaError, match="as long as"):
        verify(key.public, b"m", b"\x00" + signature)


def test_blind_signature_above_the_modulus_is_refused() -> None:
    key = token_key()
    blinded = blind(key.public, b"m")
    above = int.from_bytes(blind_sign(key, blinded.blinded_message), "big") + key.public.modulus
    if above.bit_length() <= 8 * SIZE:
        with pytest.raises(BlindRsaError, match="out of range"):
            finalize(key.public, b"m", above.to_bytes(SIZE, "big"), blinded.inverse)
    with pytest.raises(BlindRsaError, match="out of range"):
        finalize(key.public, b"m", b"\xff" * SIZE, blinded.inverse)


class FaultyOperation:
    """A machine that errs modulo q: the fault that gives away the factors if its result leaves."""

    def __init__(self, private_key: rsa.RSAPrivateKey) -> None:
        numbers = private_key.private_numbers()
        self.numbers = numbers
        self.n, self.e = numbers.public_numbers.n, numbers.public_numbers.e

    def private(self, block: bytes) -> bytes:
        p, q = self.numbers.p, self.numbers.q
        right = pow(int.from_bytes(block, "big"), self.numbers.d, self.n)
        wrong = (right + p * pow(p, -1, q)) % self.n
        assert wrong % p == right % p and wrong % q != right % q
        return wrong.to_bytes(SIZE, "big")

    def public(self, block: bytes) -> bytes:
        return pow(int.from_bytes(block, "big"), self.e, self.n).to_bytes(SIZE, "big")


def test_faulty_signature_never_leaves() -> None:
    faulty = BlindRsaKey.from_pkcs8(token_key().to_pkcs8(), Backend("faulty", "", FaultyOperation))
    block = blind(faulty.public, b"m").blinded_message
    result = int.from_bytes(faulty.operation.private(block), "big")
    n = faulty.public.modulus
    assert 1 < math.gcd(pow(result, 65537, n) - int.from_bytes(block, "big"), n) < n
    with pytest.raises(SigningError):
        blind_sign(faulty, block)


class DeadOperation(FaultyOperation):
    def private(self, block: bytes) -> bytes:
        raise BlindRsaError("libcrypto refused the block")


def test_failing_library_is_not_the_clients_fault() -> None:
    dead = BlindRsaKey.from_pkcs8(token_key().to_pkcs8(), Backend("dead", "", DeadOperation))
    with pytest.raises(SigningError):
        blind_sign(dead, blind(dead.public, b"m").blinded_message)


def test_backends_give_the_same_signatures() -> None:
    libcrypto, gmpy2 = token_key("libcrypto"), token_key("gmpy2")
    assert libcrypto.public == gmpy2.public
    for _ in range(10):
        block = blind(gmpy2.public, b"m").blinded_message
        assert blind_sign(libcrypto, block) == blind_sign(gmpy2, block)


def test_no_secret_meets_pythons_pow() -> None:
    modules = sorted(Path(next(iter(crypto.__path__))).glob("*.py"))
    ours = [path for path in modules if path.stem.startswith(("blind_rsa", "privacy_pass", "gmp", "pss"))]
    assert len(ours) >= 9
    for path in ours:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Name) and node.id == "pow"), path
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                assert isinstance(node.left, ast.Constant), path

"""The two libraries behind blind signing: which is chosen, and that threads do not meet in them."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable

import gmpy2
import pytest

from crypto import gmp, libcrypto
from crypto.blind_rsa import blind, blind_sign
from crypto.blind_rsa_keys import BlindRsaKey, choose_backend
from crypto.errors import BlindRsaError
from crypto.libcrypto import LibcryptoError, LibcryptoOperation, is_usable_version
from tests.crypto.token_keys import BACKENDS, backend, token_key

load_anew = libcrypto.load_library.__wrapped__
choose_anew = choose_backend.__wrapped__


def test_libcrypto_is_preferred_and_says_its_version() -> None:
    backend("libcrypto")
    chosen = choose_backend()
    assert chosen.name == "libcrypto"
    assert chosen.version.startswith("OpenSSL 3.")
    assert BlindRsaKey.from_pkcs8(token_key().to_pkcs8()).backend is chosen


def test_gmpy2_can_be_asked_for() -> None:
    chosen = choose_backend("gmpy2")
    assert chosen.name == "gmpy2" and "GMP" in chosen.version
    assert isinstance(token_key("gmpy2").operation, gmp.GmpOperation)


def test_unknown_backend_is_refused() -> None:
    with pytest.raises(BlindRsaError):
        choose_backend("openssl")


def no_library() -> str:
    raise LibcryptoError("none here")


def test_gmpy2_stands_in_where_there_is_no_libcrypto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypto, "library_version", no_library)
    assert choose_anew(None).name == "gmpy2"
    with pytest.raises(LibcryptoError):
        choose_anew("libcrypto")


@pytest.mark.parametrize(
    ("version", "usable"),
    [
        (0x1010117F, False),  # 1.1.1w
        (0x30000040, False),  # 3.0.4, CVE-2022-2274
        (0x30000070, False),  # 3.0.7, CVE-2022-4304
        (0x30000080, True),  # 3.0.8
        (0x30000130, True),  # 3.0.19
        (0x30600000, True),  # 3.6.0
        (0x40000000, False),  # 4.0.0: another interface
    ],
)
def test_libcrypto_with_known_faults_or_of_another_generation_is_refused(version: int, usable: bool) -> None:
    assert is_usable_version(version) is usable


@pytest.mark.parametrize(
    "spoil",
    [
        lambda patch: patch.setattr(sys, "platform", "darwin"),
        lambda patch: patch.setattr(libcrypto, "_LIBRARY", "libcrypto.so.0"),
        lambda patch: patch.setattr(libcrypto, "_OLDEST", 0x3FFFFFFF),
        lambda patch: patch.setattr(libcrypto, "_PROTOTYPES", (("EVP_no_such_function", None, ()),)),
    ],
    ids=["not Linux", "no such file", "too old", "lacks a function"],
)
def test_unusable_libcrypto_is_an_error_of_ours(
    spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        spoil(patch)
        with pytest.raises(LibcryptoError):
            load_anew()


@pytest.mark.parametrize("name", BACKENDS)
def test_operations_are_inverse_to_each_other(name: str) -> None:
    operation = token_key(name).operation
    for _ in range(5):
        block = gmp.random_unit(token_key().public.modulus).to_bytes(256, "big")
        assert operation.public(operation.private(block)) == block
        assert operation.private(operation.public(block)) == block
    with pytest.raises(BlindRsaError):
        operation.private(b"\xff" * 256)
    # An error leaves nothing behind that spoils the next call.
    assert operation.public(operation.private(block)) == block


@pytest.mark.parametrize("name", BACKENDS)
def test_sixteen_threads_sign_at_once_and_each_gets_its_own(name: str) -> None:
    key = token_key(name)
    blocks = [blind(key.public, bytes([i])).blinded_message for i in range(16)]
    expected = [blind_sign(token_key("gmpy2"), block) for block in blocks]
    results: dict[int, list[bytes]] = {}
    start = threading.Barrier(16)

    def sign(i: int) -> None:
        start.wait()
        results[i] = [blind_sign(key, blocks[i]) for _ in range(8)]

    threads = [threading.Thread(target=sign, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {i: [expected[i]] * 8 for i in range(16)}


def test_contexts_end_with_their_thread_and_the_key_lives_on() -> None:
    operation = token_key("libcrypto").operation
    assert isinstance(operation, LibcryptoOperation)
    seen: list[weakref.ref[object]] = []
    block = gmp.random_unit(token_key().public.modulus).to_bytes(256, "big")

    def work() -> None:
        operation.public(operation.private(block))
        seen.extend((weakref.ref(operation._threads.private), weakref.ref(operation._threads.public)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    gc.collect()
    assert [reference() for reference in seen] == [None, None]
    assert operation.public(operation.private(block)) == block


def test_gmpy2_never_lets_a_chosen_value_meet_the_primes(monkeypatch: pytest.MonkeyPatch) -> None:
    key = token_key("gmpy2")
    block = gmp.random_unit(key.public.modulus).to_bytes(256, "big")
    bases: list[int] = []
    exponentiate = gmpy2.powmod_sec

    def recorded(base: int, exponent: int, modulus: int) -> int:
        bases.append(int(base))
        result: int = exponentiate(base, exponent, modulus)
        return result

    monkeypatch.setattr(gmpy2, "powmod_sec", recorded)
    assert key.operation.private(block) == key.operation.private(block)
    # Each time: the fresh factor to the public exponent, then the blinded base modulo p and modulo q.
    assert len(bases) == 6
    assert bases[1] == bases[2] and bases[4] == bases[5]
    assert len({*bases, int.from_bytes(block, "big")}) == 5


def test_masked_inversion_is_inversion() -> None:
    modulus = token_key().public.modulus
    for value in (1, 2, modulus - 1, gmp.random_unit(modulus)):
        assert gmp.invert_modulo(value, modulus) == pow(value, -1, modulus)


def test_random_units_fill_the_range_and_are_never_zero() -> None:
    assert {gmp.random_unit(5) for _ in range(300)} == {1, 2, 3, 4}

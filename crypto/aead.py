"""XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) by libsodium: the cipher of everything sealed here.

PyNaCl's own functions spend two thirds of their time on wording errors that never happen; a request seals and opens
five values. So libsodium is called through PyNaCl's compiled module, with the sizes checked here.
"""

import nacl.utils
from nacl._sodium import ffi, lib

from crypto.errors import SealError

KEY_SIZE: int = lib.crypto_aead_xchacha20poly1305_ietf_keybytes()
TAG_SIZE: int = lib.crypto_aead_xchacha20poly1305_ietf_abytes()
# 24 bytes: long enough to be drawn at random for the whole life of a key without meeting one twice.
NONCE_SIZE: int = lib.crypto_aead_xchacha20poly1305_ietf_npubbytes()

_NULL = ffi.NULL
_buffer = ffi.from_buffer
_encrypt = lib.crypto_aead_xchacha20poly1305_ietf_encrypt
_decrypt = lib.crypto_aead_xchacha20poly1305_ietf_decrypt


def random_nonce() -> bytes:
    """24 fresh bytes from the system's generator."""
    return nacl.utils.random(NONCE_SIZE)


def encrypt(plaintext: bytes, ad: bytes, nonce: bytes, key: bytes) -> bytes:
    """Ciphertext and tag (16); SealError when key or nonce is of another size than 32 and 24 bytes."""
    if len(key) != KEY_SIZE or len(nonce) != NONCE_SIZE:
        raise SealError("key or nonce has the wrong size")
    sealed = bytearray(len(plaintext) + TAG_SIZE)
    _encrypt(_buffer(sealed), _NULL, plaintext, len(plaintext), ad, len(ad), _NULL, nonce, key)
    return bytes(sealed)


def decrypt(ciphertext: bytes, ad: bytes, nonce: bytes, key: bytes) -> bytes:
    """The inverse of `encrypt`; SealError when anything is of the wrong size, or key, nonce, data or tag do not fit."""
    size = len(ciphertext) - TAG_SIZE
    if size < 0 or len(key) != KEY_SIZE or len(nonce) != NONCE_SIZE:
        raise SealError("sealed value is too short")
    plaintext = bytearray(size)
    if _decrypt(_buffer(plaintext), _NULL, _NULL, ciphertext, len(ciphertext), ad, len(ad), nonce, key):
        raise SealError("sealed value does not open")
    return bytes(plaintext)

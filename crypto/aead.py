"""XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) by libsodium: the cipher of everything sealed here."""

import nacl.utils
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_ABYTES,
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError as SodiumError

from crypto.errors import SealError

KEY_SIZE = crypto_aead_xchacha20poly1305_ietf_KEYBYTES
TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES
# 24 bytes: long enough to be drawn at random for the whole life of a key without meeting one twice.
NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

# (plaintext, associated data, nonce, key) -> ciphertext || tag. The bare binding: no wrapper on the hot path.
encrypt = crypto_aead_xchacha20poly1305_ietf_encrypt


def random_nonce() -> bytes:
    """24 fresh bytes from the system's generator."""
    return nacl.utils.random(NONCE_SIZE)


def decrypt(ciphertext: bytes, ad: bytes, nonce: bytes, key: bytes) -> bytes:
    """The inverse of `encrypt`; SealError when short, or when key, nonce, data or tag do not fit."""
    # The binding would ask for a buffer of negative size below this length.
    if len(ciphertext) < TAG_SIZE:
        raise SealError("sealed value is too short")
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, ad, nonce, key)
    except SodiumError:
        raise SealError("sealed value does not open") from None

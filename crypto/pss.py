"""EMSA-PSS encoding, the half of RSASSA-PSS that a blind signature moves to the client (RFC 8017)."""

import hashlib

from crypto.encoding import i2osp
from crypto.errors import BlindRsaError

_TRAILER = b"\xbc"
_PADDING1 = bytes(8)


def mgf1(seed: bytes, length: int, hash_name: str) -> bytes:
    """MGF1: `length` mask bytes drawn from `seed` (RFC 8017, appendix B.2.1)."""
    size = hashlib.new(hash_name).digest_size
    blocks = (hashlib.new(hash_name, seed + i2osp(counter, 4)).digest() for counter in range(-(-length // size)))
    return b"".join(blocks)[:length]


def emsa_pss_encode(message: bytes, em_bits: int, salt: bytes, hash_name: str) -> bytes:
    """Encode `message` for an RSA signature (RFC 8017, section 9.1.1), with the salt given.

    `em_bits` is the bit length of the modulus less one; the result has ceil(em_bits / 8) bytes and its
    number is below the modulus. `hash_name` (of hashlib) serves the message and MGF1 alike. Raises
    BlindRsaError when hash and salt leave no room in `em_bits`."""
    em_length = (em_bits + 7) // 8
    message_hash = hashlib.new(hash_name, message).digest()
    padding2_length = em_length - len(salt) - len(message_hash) - 2
    if padding2_length < 0:
        raise BlindRsaError("modulus too short for this hash and salt")
    salted_hash = hashlib.new(hash_name, _PADDING1 + message_hash + salt).digest()
    data_block = bytes(padding2_length) + b"\x01" + salt
    mask = mgf1(salted_hash, len(data_block), hash_name)
    masked = bytearray(left ^ right for left, right in zip(data_block, mask, strict=True))
    masked[0] &= 0xFF >> (8 * em_length - em_bits)
    return bytes(masked) + salted_hash + _TRAILER

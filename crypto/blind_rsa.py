"""RSA blind signatures (RFC 9474): the client prepares, blinds and finalizes, the server signs blind.

The default variant everywhere is RSABSSA-SHA384-PSS-Deterministic, which token type 0x0002 uses. A
deterministic variant needs messages the server cannot guess; a token's 32-byte nonce sees to that (RFC 9474,
section 7.3).
"""

import secrets
from dataclasses import dataclass, field
from hashlib import sha384

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from crypto import gmp
from crypto.blind_rsa_keys import PUBLIC_EXPONENT, BlindRsaKey, BlindRsaPublicKey
from crypto.encoding import i2osp, os2ip
from crypto.errors import BlindRsaError
from crypto.pss import emsa_pss_encode


class SigningError(BlindRsaError):
    """The private operation failed on good input (RFC 9474, section 6.1): not the client's fault."""

    code = "signing_failure"


HASH_NAME = "sha384"
PREFIX_SIZE = 32
_HASH = hashes.SHA384()


@dataclass(frozen=True, slots=True)
class Variant:
    """A named variant (RFC 9474, section 5): salt of `salt_size` bytes, and whether messages get a prefix."""

    name: str
    salt_size: int
    is_randomized: bool
    pss: padding.PSS = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Made once: the verifier asks for it at every token.
        pss = padding.PSS(mgf=padding.MGF1(_HASH), salt_length=self.salt_size)
        object.__setattr__(self, "pss", pss)


_SALT_SIZE = sha384().digest_size
PSS_RANDOMIZED = Variant("RSABSSA-SHA384-PSS-Randomized", _SALT_SIZE, True)
PSSZERO_RANDOMIZED = Variant("RSABSSA-SHA384-PSSZERO-Randomized", 0, True)
PSS_DETERMINISTIC = Variant("RSABSSA-SHA384-PSS-Deterministic", _SALT_SIZE, False)
PSSZERO_DETERMINISTIC = Variant("RSABSSA-SHA384-PSSZERO-Deterministic", 0, False)
VARIANTS = {
    variant.name: variant for variant in (PSS_RANDOMIZED, PSSZERO_RANDOMIZED, PSS_DETERMINISTIC, PSSZERO_DETERMINISTIC)
}


@dataclass(frozen=True, slots=True)
class Blinded:
    """What `blind` makes: the message for the server, and the inverse the client keeps for `finalize`."""

    blinded_message: bytes
    inverse: int = field(repr=False)


def prepare(message: bytes, variant: Variant = PSS_DETERMINISTIC) -> bytes:
    """PrepareRandomize or PrepareIdentity (RFC 9474, section 4.1): what is then blinded and verified."""
    return prepare_with(message, secrets.token_bytes(PREFIX_SIZE) if variant.is_randomized else b"")


def prepare_with(message: bytes, prefix: bytes) -> bytes:
    """`prepare` with its randomness given: 32 bytes, or none for a deterministic variant."""
    return prefix + message


def blind(public_key: BlindRsaPublicKey, prepared: bytes, variant: Variant = PSS_DETERMINISTIC) -> Blinded:
    """Blind (RFC 9474, section 4.2), with fresh salt and blinding factor.

    `blinded_message` is as long as the modulus. BlindRsaError for a message no key could be asked to sign,
    which chance alone never makes."""
    return blind_with(public_key, prepared, secrets.token_bytes(variant.salt_size), random_factor(public_key))


def random_factor(public_key: BlindRsaPublicKey) -> int:
    """A blinding factor, uniform in 1 .. n - 1 (RFC 9474, section 4.2)."""
    return gmp.random_unit(public_key.modulus)


def blind_with(public_key: BlindRsaPublicKey, prepared: bytes, salt: bytes, factor: int) -> Blinded:
    """`blind` with its randomness given; a factor used twice or told to others undoes the blinding."""
    modulus = public_key.modulus
    # One bit less than the modulus: so RFC 8017, section 8.1.1, and so the published vectors of RFC 9474.
    encoded = emsa_pss_encode(prepared, modulus.bit_length() - 1, salt, HASH_NAME)
    number = os2ip(encoded)
    if not gmp.is_coprime(number, modulus):
        raise BlindRsaError("message shares a factor with the modulus")
    inverse = gmp.invert_modulo(factor, modulus)
    mask = gmp.power_modulo(factor, PUBLIC_EXPONENT, modulus)
    return Blinded(i2osp(gmp.multiply_modulo(number, mask, modulus), public_key.size), inverse)


def blind_sign(key: BlindRsaKey, blinded_message: bytes) -> bytes:
    """BlindSign (RFC 9474, section 4.3): the blind signature, as long as the modulus.

    Raises BlindRsaError for input of another length or not in 1 .. n - 1, and its child SigningError for a
    result that does not check out: one that is right modulo one prime only would give away the key."""
    if len(blinded_message) != key.public.size:
        raise BlindRsaError("blinded message is not as long as the modulus")
    # Zero is no unit: no factor blinds to it. Of one length, numbers are ordered as their bytes are.
    if blinded_message == bytes(key.public.size) or blinded_message >= key.public.encoded_modulus:
        raise BlindRsaError("blinded message is out of range")
    try:
        blind_signature = key.operation.private(blinded_message)
        checked = key.operation.public(blind_signature)
    except BlindRsaError as error:
        raise SigningError("the private operation failed") from error
    # Who asks knows both: nothing here is compared that its time could tell.
    if checked != blinded_message:
        raise SigningError("the signature does not check out")
    return blind_signature


def finalize(
    public_key: BlindRsaPublicKey,
    prepared: bytes,
    blind_signature: bytes,
    inverse: int,
    variant: Variant = PSS_DETERMINISTIC,
) -> bytes:
    """Finalize (RFC 9474, section 4.4): the signature on `prepared`, already verified.

    Raises BlindRsaError when the server's answer has the wrong size, is out of range, or does not verify."""
    if len(blind_signature) != public_key.size:
        raise BlindRsaError("blind signature is not as long as the modulus")
    number = os2ip(blind_signature)
    if number >= public_key.modulus:
        raise BlindRsaError("blind signature is out of range")
    signature = i2osp(gmp.multiply_modulo(number, inverse, public_key.modulus), public_key.size)
    verify(public_key, prepared, signature, variant)
    return signature


def verify(
    public_key: BlindRsaPublicKey,
    prepared: bytes,
    signature: bytes,
    variant: Variant = PSS_DETERMINISTIC,
) -> None:
    """Verification (RFC 9474, section 4.5): plain RSASSA-PSS; returns, or raises BlindRsaError."""
    # A signature of another length is refused below as well; saying it here does not depend on the library.
    if len(signature) != public_key.size:
        raise BlindRsaError("signature is not as long as the modulus")
    try:
        public_key.verifier.verify(signature, prepared, variant.pss, _HASH)
    except InvalidSignature:
        raise BlindRsaError("signature does not verify") from None

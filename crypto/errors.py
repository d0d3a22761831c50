"""Errors of the cryptographic leaf: one base, few children, each with a stable short word."""


class CryptoError(Exception):
    """Base of everything `crypto` raises on purpose; `code` is stable and safe to log."""

    code = "crypto_error"


class EncodingError(CryptoError):
    """Text or bytes are not in the one accepted encoding."""

    code = "bad_encoding"


class KeyRingError(CryptoError):
    """The master key ring is malformed, of another issuer, or lacks the asked entry."""

    code = "bad_key_ring"


class SealError(CryptoError):
    """A sealed value does not open: wrong key, wrong place, or changed bytes."""

    code = "bad_seal"


class PasswordError(CryptoError):
    """A password or a password cost cannot be used (SP 800-63B, section 5.1.1)."""

    code = "bad_password"


class JwkError(CryptoError):
    """A JSON Web Key or key set is refused (RFC 7517)."""

    code = "bad_jwk"


class JwtError(CryptoError):
    """A JSON Web Token is refused (RFC 7519, RFC 8725)."""

    code = "bad_jwt"


class DpopError(CryptoError):
    """A DPoP proof is refused (RFC 9449, section 4.3)."""

    code = "bad_dpop_proof"


class TokenError(CryptoError):
    """A Privacy Pass message or token is refused (RFC 9577, RFC 9578)."""

    code = "bad_token"


class BlindRsaError(CryptoError):
    """A blind RSA step failed (RFC 9474)."""

    code = "bad_blind_rsa"


class MerkleError(CryptoError):
    """A Merkle proof, checkpoint or note does not verify (RFC 6962, C2SP tlog)."""

    code = "bad_merkle_proof"


class VeilError(CryptoError):
    """A veiled presentation is refused: the key, the signature, or what it is about."""

    code = "bad_veil"

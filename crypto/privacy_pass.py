"""Messages of Privacy Pass, token type 0x0002 (RFC 9577, section 2.2; RFC 9578, section 6)."""

from dataclasses import dataclass
from typing import ClassVar, Self

from crypto import blind_rsa
from crypto.blind_rsa_keys import TOKEN_KEY_ID_SIZE, BlindRsaPublicKey
from crypto.errors import BlindRsaError, TokenError
from crypto.tls_presentation import Reader

TOKEN_TYPE_VOPRF_P384 = 0x0001
TOKEN_TYPE_BLIND_RSA = 0x0002
TOKEN_TYPE_VOPRF_RISTRETTO255 = 0x0005

TOKEN_TYPE_SIZE = 2
NONCE_SIZE = 32
CHALLENGE_DIGEST_SIZE = 32
# Nk of RFC 9578, section 8.2.2: an RSA-2048 signature, and every blinded value with it.
AUTHENTICATOR_SIZE = 256
AUTHENTICATOR_INPUT_SIZE = TOKEN_TYPE_SIZE + NONCE_SIZE + CHALLENGE_DIGEST_SIZE + TOKEN_KEY_ID_SIZE
TOKEN_SIZE = AUTHENTICATOR_INPUT_SIZE + AUTHENTICATOR_SIZE
TOKEN_REQUEST_SIZE = TOKEN_TYPE_SIZE + 1 + AUTHENTICATOR_SIZE
TOKEN_RESPONSE_SIZE = AUTHENTICATOR_SIZE

TOKEN_REQUEST_MEDIA_TYPE = "application/private-token-request"
TOKEN_RESPONSE_MEDIA_TYPE = "application/private-token-response"


# struct {
#     uint16_t token_type;
#     uint8_t nonce[32];
#     uint8_t challenge_digest[32];
#     uint8_t token_key_id[Nid];
# } AuthenticatorInput;
def authenticator_input(token_type: int, nonce: bytes, challenge_digest: bytes, token_key_id: bytes) -> bytes:
    """What the authenticator signs (RFC 9577, section 2.2.3): 98 bytes; TokenError for a wrong size."""
    _check_size(nonce, NONCE_SIZE, "nonce")
    _check_size(challenge_digest, CHALLENGE_DIGEST_SIZE, "challenge_digest")
    _check_size(token_key_id, TOKEN_KEY_ID_SIZE, "token_key_id")
    return token_type.to_bytes(TOKEN_TYPE_SIZE, "big") + nonce + challenge_digest + token_key_id


# struct {
#     uint16_t token_type = 0x0002; /* Type Blind RSA (2048-bit) */
#     uint8_t nonce[32];
#     uint8_t challenge_digest[32];
#     uint8_t token_key_id[32];
#     uint8_t authenticator[Nk];
# } Token;
@dataclass(frozen=True, slots=True)
class Token:
    """A token of type 0x0002, 354 bytes (RFC 9578, section 6.3); unverified until `verify_token` returned."""

    token_type: ClassVar[int] = TOKEN_TYPE_BLIND_RSA
    nonce: bytes
    challenge_digest: bytes
    token_key_id: bytes
    authenticator: bytes

    def __post_init__(self) -> None:
        _check_size(self.nonce, NONCE_SIZE, "nonce")
        _check_size(self.challenge_digest, CHALLENGE_DIGEST_SIZE, "challenge_digest")
        _check_size(self.token_key_id, TOKEN_KEY_ID_SIZE, "token_key_id")
        _check_size(self.authenticator, AUTHENTICATOR_SIZE, "authenticator")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read 354 bytes; another type or size raises TokenError."""
        reader = Reader(data)
        _check_token_type(reader)
        token = cls(
            reader.take(NONCE_SIZE, "nonce"),
            reader.take(CHALLENGE_DIGEST_SIZE, "challenge_digest"),
            reader.take(TOKEN_KEY_ID_SIZE, "token_key_id"),
            reader.take(AUTHENTICATOR_SIZE, "authenticator"),
        )
        reader.end("Token")
        return token

    @property
    def authenticator_input(self) -> bytes:
        """The signed part: everything before the authenticator."""
        return authenticator_input(self.token_type, self.nonce, self.challenge_digest, self.token_key_id)

    def to_bytes(self) -> bytes:
        """The 354 bytes."""
        return self.authenticator_input + self.authenticator


# struct {
#     uint16_t token_type = 0x0002; /* Type Blind RSA (2048-bit) */
#     uint8_t truncated_token_key_id;
#     uint8_t blinded_msg[Nk];
# } TokenRequest;
@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A client's request for one token, 259 bytes (RFC 9578, section 6.1).

    `truncated_token_key_id` (0 .. 255) names the key; whether `blinded_msg` is in range, signing finds
    out."""

    token_type: ClassVar[int] = TOKEN_TYPE_BLIND_RSA
    truncated_token_key_id: int
    blinded_msg: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.truncated_token_key_id <= 0xFF:
            raise TokenError("truncated_token_key_id is out of range")
        _check_size(self.blinded_msg, AUTHENTICATOR_SIZE, "blinded_msg")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read 259 bytes; another type or size raises TokenError."""
        reader = Reader(data)
        _check_token_type(reader)
        truncated_token_key_id = reader.unsigned(1, "truncated_token_key_id")
        request = cls(truncated_token_key_id, reader.take(AUTHENTICATOR_SIZE, "blinded_msg"))
        reader.end("TokenRequest")
        return request

    def to_bytes(self) -> bytes:
        """The 259 bytes."""
        head = self.token_type.to_bytes(TOKEN_TYPE_SIZE, "big") + bytes((self.truncated_token_key_id,))
        return head + self.blinded_msg


# struct {
#     uint8_t blind_sig[Nk];
# } TokenResponse;
@dataclass(frozen=True, slots=True)
class TokenResponse:
    """The issuer's answer to one request, 256 bytes (RFC 9578, section 6.2)."""

    token_type: ClassVar[int] = TOKEN_TYPE_BLIND_RSA
    blind_sig: bytes

    def __post_init__(self) -> None:
        _check_size(self.blind_sig, AUTHENTICATOR_SIZE, "blind_sig")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read 256 bytes; another size raises TokenError."""
        return cls(data)

    def to_bytes(self) -> bytes:
        """The 256 bytes."""
        return self.blind_sig


def verify_token(token: Token, challenge_digest: bytes, key: BlindRsaPublicKey) -> None:
    """Token verification (RFC 9578, section 6.4) by anyone with the token key; returns or raises TokenError.

    The token must answer the challenge with `challenge_digest` and name `key`. Whether the key is live, and
    the nonce unspent, is the caller's to check."""
    if token.challenge_digest != challenge_digest:
        raise TokenError("token answers another challenge")
    if token.token_key_id != key.token_key_id:
        raise TokenError("token names another key")
    try:
        blind_rsa.verify(key, token.authenticator_input, token.authenticator)
    except BlindRsaError:
        raise TokenError("authenticator does not verify") from None


def _check_size(value: bytes, size: int, field: str) -> None:
    if len(value) != size:
        raise TokenError(f"{field} does not have {size} bytes")


def _check_token_type(reader: Reader) -> None:
    if reader.unsigned(TOKEN_TYPE_SIZE, "token_type") != TOKEN_TYPE_BLIND_RSA:
        raise TokenError("token_type is not 0x0002")

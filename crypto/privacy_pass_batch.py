"""Generic batch issuance of Privacy Pass: many token requests of any types in one message.

draft-ietf-privacypass-batched-tokens-06, section 6, is the revision spoken here; published vectors named
"v6" pin it. Earlier revisions framed each entry with a length of its own, and are refused.
"""

from dataclasses import dataclass
from typing import Final, Self

from crypto.errors import TokenError
from crypto.privacy_pass import (
    TOKEN_REQUEST_SIZE,
    TOKEN_RESPONSE_SIZE,
    TOKEN_TYPE_BLIND_RSA,
    TOKEN_TYPE_SIZE,
    TOKEN_TYPE_VOPRF_P384,
    TOKEN_TYPE_VOPRF_RISTRETTO255,
    TokenRequest,
    TokenResponse,
)
from crypto.tls_presentation import Reader, encode_varint

# The issuer's limit. Other implementations take 100 too.
BATCH_MAX = 100

GENERIC_BATCH_REQUEST_MEDIA_TYPE = "application/private-token-generic-batch-request"
GENERIC_BATCH_RESPONSE_MEDIA_TYPE = "application/private-token-generic-batch-response"

# Bytes of a whole TokenRequest, and of a TokenResponse, by token type. Entries have no length of their own,
# so an entry of a type that is not here cannot be stepped over. Elements and scalars: RFC 9497, section 4.
_P384_ELEMENT, _P384_SCALAR = 49, 48
_RISTRETTO255_ELEMENT, _RISTRETTO255_SCALAR = 32, 32
_REQUEST_SIZES: Final = {
    TOKEN_TYPE_VOPRF_P384: TOKEN_TYPE_SIZE + 1 + _P384_ELEMENT,
    TOKEN_TYPE_BLIND_RSA: TOKEN_REQUEST_SIZE,
    TOKEN_TYPE_VOPRF_RISTRETTO255: TOKEN_TYPE_SIZE + 1 + _RISTRETTO255_ELEMENT,
}
_RESPONSE_SIZES: Final = {
    TOKEN_TYPE_VOPRF_P384: _P384_ELEMENT + 2 * _P384_SCALAR,
    TOKEN_TYPE_BLIND_RSA: TOKEN_RESPONSE_SIZE,
    TOKEN_TYPE_VOPRF_RISTRETTO255: _RISTRETTO255_ELEMENT + 2 * _RISTRETTO255_SCALAR,
}
# Long enough for a full batch of the longest entries: longer messages are refused before anything is read.
GENERIC_BATCH_REQUEST_MAX: Final = 4 + BATCH_MAX * max(_REQUEST_SIZES.values())


@dataclass(frozen=True, slots=True)
class UnsupportedTokenRequest:
    """A request for a registered token type that this issuer does not sign; `body` follows the type."""

    token_type: int
    body: bytes

    def to_bytes(self) -> bytes:
        return self.token_type.to_bytes(TOKEN_TYPE_SIZE, "big") + self.body


@dataclass(frozen=True, slots=True)
class UnsupportedTokenResponse:
    """A response of a registered token type that this client does not ask for."""

    token_type: int
    body: bytes

    def to_bytes(self) -> bytes:
        return self.body


# struct {
#     uint16_t token_type;
#     select (token_type) {
#         case (0x0001): TokenRequest token_request; /* Type VOPRF(P-384, SHA-384), RFC 9578 */
#         case (0x0002): TokenRequest token_request; /* Type Blind RSA (2048-bit), RFC 9578 */
#         case (0x0005): TokenRequest token_request; /* Type VOPRF(ristretto255, SHA-512) */
#     }
# } GenericTokenRequest;
# struct {
#     GenericTokenRequest generic_token_requests<V>;
# } GenericBatchTokenRequest;
@dataclass(frozen=True, slots=True)
class GenericBatchTokenRequest:
    """1 .. 100 token requests (draft section 6.1). The type stands once: an entry is a whole TokenRequest."""

    token_requests: tuple[TokenRequest | UnsupportedTokenRequest, ...]

    def __post_init__(self) -> None:
        _check_count(len(self.token_requests))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a batch; TokenError for unregistered types, no or too many entries, stray bytes."""
        if len(data) > GENERIC_BATCH_REQUEST_MAX:
            raise TokenError("batch is too long")
        entries = _vector_of(data, "generic_token_requests", "GenericBatchTokenRequest")
        token_requests: list[TokenRequest | UnsupportedTokenRequest] = []
        while entries.remaining:
            _check_count(len(token_requests) + 1)
            token_requests.append(_read_request(entries))
        return cls(tuple(token_requests))

    def to_bytes(self) -> bytes:
        body = b"".join(request.to_bytes() for request in self.token_requests)
        return encode_varint(len(body)) + body


# struct {
#     uint16_t token_type;
#     select (token_type) { ... TokenResponse token_response; ... }
# } GenericTokenResponse;
# struct {
#     optional<GenericTokenResponse> generic_token_response;
# } OptionalTokenResponse;
# struct {
#     OptionalTokenResponse optional_token_responses<V>;
# } GenericBatchTokenResponse;
@dataclass(frozen=True, slots=True)
class GenericBatchTokenResponse:
    """One answer for each request, in its order (draft section 6.2); None where the issuer refused."""

    token_responses: tuple[TokenResponse | UnsupportedTokenResponse | None, ...]

    def __post_init__(self) -> None:
        _check_count(len(self.token_responses))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a batch; a presence octet beyond 1, an unknown type or stray bytes raise TokenError."""
        entries = _vector_of(data, "optional_token_responses", "GenericBatchTokenResponse")
        token_responses: list[TokenResponse | UnsupportedTokenResponse | None] = []
        while entries.remaining:
            _check_count(len(token_responses) + 1)
            token_responses.append(_read_optional_response(entries))
        return cls(tuple(token_responses))

    @property
    def issued(self) -> int:
        """How many requests were answered: all makes status 200, some 206, none 400 (draft section 6.2)."""
        return sum(response is not None for response in self.token_responses)

    def to_bytes(self) -> bytes:
        body = b"".join(_optional_response_bytes(response) for response in self.token_responses)
        return encode_varint(len(body)) + body


def _vector_of(data: bytes, field: str, message: str) -> Reader:
    reader = Reader(data)
    entries = Reader(reader.variable_vector(field))
    reader.end(message)
    return entries


def _read_request(entries: Reader) -> TokenRequest | UnsupportedTokenRequest:
    token_type, size = _read_type(entries, _REQUEST_SIZES)
    body = entries.take(size - TOKEN_TYPE_SIZE, "token_request")
    if token_type == TOKEN_TYPE_BLIND_RSA:
        return TokenRequest(body[0], body[1:])
    return UnsupportedTokenRequest(token_type, body)


def _read_optional_response(entries: Reader) -> TokenResponse | UnsupportedTokenResponse | None:
    present = entries.unsigned(1, "present")
    if present > 1:
        raise TokenError("present is neither 0 nor 1")
    if not present:
        return None
    token_type, size = _read_type(entries, _RESPONSE_SIZES)
    body = entries.take(size, "token_response")
    if token_type == TOKEN_TYPE_BLIND_RSA:
        return TokenResponse(body)
    return UnsupportedTokenResponse(token_type, body)


def _optional_response_bytes(response: TokenResponse | UnsupportedTokenResponse | None) -> bytes:
    if response is None:
        return b"\x00"
    return b"\x01" + response.token_type.to_bytes(TOKEN_TYPE_SIZE, "big") + response.to_bytes()


def _read_type(entries: Reader, sizes: dict[int, int]) -> tuple[int, int]:
    token_type = entries.unsigned(TOKEN_TYPE_SIZE, "token_type")
    size = sizes.get(token_type)
    if size is None:
        raise TokenError("token_type is not registered")
    return token_type, size


def _check_count(count: int) -> None:
    if not 0 < count <= BATCH_MAX:
        raise TokenError(f"a batch has 1 to {BATCH_MAX} entries")

"""Authorization codes: sealed, self-contained, good for a minute, stored nowhere (RFC 6749, section 4.1.2)."""

import orjson

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError
from idp.domain.value import value
from idp.protocol.errors import InvalidGrant
from idp.protocol.provider import Provider

_AD = b"authorization-code/v1"
_HEAD = 16 + 16 + 16
_MEMBERS = 18
_AGE = 16
# An app can count, and is not to see by a code's length whether an age is known or a correction waits. Both of up to
# fifteen thresholds fit; else it is twice as much. Who opens a code as hexadecimal passes over spaces.
_AGE_DIGITS, _VERSION_DIGITS = 96, 32


@value
class AuthorizationCode:
    """All that was decided at `/authorize`. `id`, `account_id`, `consent_id` 16 bytes, `session_id` 32 bytes.

    `shown_auth_time` is None unless the app asked for `auth_time`; `band` is set by the door alone, where the three ids
    of a person are empty (zeros). `age` (`AgeRecord.serialize`) and `age_version` are what `/authorize` saw, in
    hexadecimal; without a version the code says nothing of the age. Times in epoch seconds.
    """

    id: bytes
    account_id: bytes
    consent_id: bytes
    session_id: bytes
    client_id: str
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    scope: str
    subject: str
    auth_time: int
    shown_auth_time: int | None
    sid: str | None
    acr: str | None
    claims: str
    dpop_jkt: str | None
    resource: str | None
    session_expires_at: int
    expires_at: int
    band: str | None = None
    age: str = ""
    age_version: str = ""


def seal_code(provider: Provider, code: AuthorizationCode) -> str:
    """The code as the app gets it."""
    head = code.id + code.account_id + code.consent_id + code.session_id
    tail = orjson.dumps(
        [
            code.client_id,
            code.redirect_uri,
            code.code_challenge,
            code.nonce,
            code.scope,
            code.subject,
            code.auth_time,
            code.shown_auth_time,
            code.sid,
            code.acr,
            code.claims,
            code.dpop_jkt,
            code.resource,
            code.session_expires_at,
            code.expires_at,
            code.band,
            _padded(code.age, _AGE_DIGITS),
            _padded(code.age_version, _VERSION_DIGITS),
        ]
    )
    return b64url_encode(provider.codes.seal(head + tail, _AD))


def open_code(provider: Provider, text: str) -> AuthorizationCode:
    """The inverse of `seal_code`; InvalidGrant for anything not made here. Expiry is the caller's check."""
    try:
        plaintext = provider.codes.open(b64url_decode(text), _AD)
    except CryptoError as error:
        raise InvalidGrant("the code is not valid", str(error)) from error
    # A node of a later version may have added members at the end, for its own; one of an earlier knew fewer.
    fields = orjson.loads(plaintext[_HEAD + 32 :])[:_MEMBERS]
    fields[_AGE:] = [text.rstrip() for text in fields[_AGE:]]
    return AuthorizationCode(
        plaintext[:16], plaintext[16:32], plaintext[32:_HEAD], plaintext[_HEAD : _HEAD + 32], *fields
    )


def _padded(text: str, width: int) -> str:
    return text.ljust(max(1, -(-len(text) // width)) * width)

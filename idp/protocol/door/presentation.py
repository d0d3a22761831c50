"""A token is shown for an app's request, and answered with a code.

Order is security; only the last step changes anything, so that what is refused before leaves the token unspent:
 1 the request is pending, unexpired, and of this browser    5 the token's signature holds
 2 minors: the curfew, and no app that needs a guardian      6 the wallet's key and its signature hold
 3 the token has its structure and answers our challenge     7 the person is the one the app means
 4 its key is in the log, admitted, and live                 8 spent and answered at once, each once
The same token for the same request gets the same code again: an answer may be lost on its way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from crypto.blind_rsa_keys import TOKEN_KEY_ID_SIZE
from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import EncodingError, TokenError, VeilError
from crypto.privacy_pass import AUTHENTICATOR_SIZE, TOKEN_SIZE, Token, verify_token
from crypto.veil import presented_message, veiled_subject, verify_presented
from idp.domain.age import Band
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.presentation import Presentation
from idp.domain.scope import format_scope
from idp.protocol import errors
from idp.protocol.authorization.assurance import Unmet
from idp.protocol.authorization.pending import Pending, PendingExpired, open_pending
from idp.protocol.authorization.request import AuthorizationRequest
from idp.protocol.authorization.response import AuthorizationResponse, refusal, success
from idp.protocol.authorization_code import AuthorizationCode, seal_code
from idp.protocol.door.authorization import deny_presentation, vouched_acr
from idp.protocol.door.door import Door
from idp.protocol.door.key_view import AcceptedKey
from idp.protocol.provider import Provider

KEPT_SECONDS = 600
"""How long a use is remembered past its time: a process whose clock is behind would else take a token once more."""

_NOBODY, _NO_SESSION = bytes(16), bytes(32)
_KEY_ID_AT = TOKEN_SIZE - AUTHENTICATOR_SIZE - TOKEN_KEY_ID_SIZE


@dataclass(frozen=True, slots=True)
class Waiting:
    """An app's request that waits for a token. `id` is what the wallet signs: a digest of `sealed`, so of all of it."""

    pending: Pending
    request: AuthorizationRequest
    sealed: str
    expires_at: int

    @property
    def digest(self) -> bytes:
        """SHA-256 of the sealed request (32 bytes)."""
        return sha256(self.sealed.encode()).digest()

    @property
    def id(self) -> str:
        """The request id, 43 characters."""
        return b64url_encode(self.digest)


def waiting(provider: Provider, pending: Pending, sealed: str) -> Waiting:
    """What is known of a request from its sealed text; `pending` is what it opens to. RequestExpired for a device's."""
    if not isinstance(pending.request, AuthorizationRequest):
        raise errors.RequestExpired("this request cannot be answered here")
    return Waiting(pending, pending.request, sealed, pending.began_at + provider.lifetimes.interaction)


def present(door: Door, form: Mapping[str, str], browser: bytes | None) -> AuthorizationResponse:
    """Steps 1 to 8 on a posted form; `browser` is the value of the request's cookie. ProtocolError names the refusal.

    `decision` is `allow` or `deny`; with `allow` stand `token` (354 bytes), `pk` (32) and `sig` (64) in base64url.
    """
    found = _waiting(door.provider, form, browser)  # 1
    decision = form.get("decision")
    if decision == "deny":
        return deny_presentation(door.provider, found.request)
    if decision != "allow":
        raise errors.InvalidRequest("decision is allow or deny")
    shown, key = _field(form, "token"), _field(form, "pk")
    _let_in(door, found.request, shown)  # 2
    token, accepted = _good_token(door, shown)  # 3, 4, 5
    subject = _proven_subject(door.provider, found, shown, key, _field(form, "sig"))  # 6
    if found.request.subjects - {subject}:  # 7
        return refusal(door.provider, found.request, errors.LoginRequired("another wallet is open"))
    return _answer(door.provider, found, token, accepted, subject)  # 8


def _waiting(provider: Provider, form: Mapping[str, str], browser: bytes | None) -> Waiting:
    sealed = form.get("request")
    if sealed is None or browser is None:
        raise errors.RequestExpired("there is no request of this browser")
    try:
        return waiting(provider, open_pending(provider, sealed, browser), sealed)
    except PendingExpired as error:
        raise errors.RequestExpired("the request is too old, or of another browser", error.cause) from error


def _field(form: Mapping[str, str], name: str) -> bytes:
    text = form.get(name)
    if text is None:
        raise errors.InvalidRequest(f"{name} is missing")
    try:
        return b64url_decode(text)
    except EncodingError as error:
        raise errors.InvalidRequest(f"{name} is not base64url") from error


def _let_in(door: Door, request: AuthorizationRequest, shown: bytes) -> None:
    """The public rules for minors, by the band of the key that the token names; nothing of it is proven yet."""
    named = door.keys.find(shown[_KEY_ID_AT : _KEY_ID_AT + TOKEN_KEY_ID_SIZE])
    if named is None or named.band is not Band.MINOR:
        return
    realm = door.provider.realm
    if not realm.curfew.allowed_at(Band.MINOR, request.client.category, door.provider.now()):
        raise errors.Curfew("apps of this kind are not open to minors now")
    # A token says that somebody is a minor, not that they are past the age at which a guardian agrees to each app.
    if realm.policy.consent_age > realm.policy.age_token_age:
        raise errors.GuardianNeeded("a guardian's consent cannot be had here")


def _good_token(door: Door, shown: bytes) -> tuple[Token, AcceptedKey]:
    try:
        token = Token.from_bytes(shown)  # 3
        if token.challenge_digest != door.challenge_digest:
            raise TokenError("token answers another challenge")
        key = door.keys.find(token.token_key_id)  # 4
        if key is None and not door.keys.live_bands():
            # No copy of the log, or one of old keys alone: the token may be good, so it is not thrown away.
            raise errors.TemporarilyUnavailable("the key log has not been seen for too long")
        if key is None:
            raise TokenError("token names a key that does not count")
        verify_token(token, door.challenge_digest, key.public)  # 5
    except TokenError as error:
        raise errors.TokenRefused("the token is not good here", str(error)) from error
    return token, key


def _proven_subject(provider: Provider, found: Waiting, shown: bytes, public_key: bytes, signature: bytes) -> str:
    sector = found.request.client.sector
    try:
        verify_presented(public_key, presented_message(provider.issuer, sector, found.id, shown), signature)
        return veiled_subject(provider.issuer, sector, public_key)
    except VeilError as error:
        raise errors.InvalidRequest("the wallet's signature does not hold", str(error)) from error


def _answer(
    provider: Provider, found: Waiting, token: Token, key: AcceptedKey, subject: str
) -> AuthorizationResponse:
    code = seal_code(provider, _code(provider, found.request, key.band, subject))
    digest = sha256(token.nonce).digest()
    ends = found.expires_at + KEPT_SECONDS, key.accepted_until + KEPT_SECONDS
    presentation = Presentation(found.digest, digest, code, *ends)
    try:
        kept = provider.realm.store.write(lambda tx: tx.presentations.claim(presentation), digest)
    except Refused as refused:
        if refused.reason == "request_answered":
            raise errors.RequestExpired("the request has been answered") from refused
        raise errors.TokenRefused("the token is not good here", refused.reason) from refused
    return success(provider, found.request, kept)


def _code(provider: Provider, request: AuthorizationRequest, band: Band, subject: str) -> AuthorizationCode:
    now, lifetimes = provider.now(), provider.lifetimes
    acr = vouched_acr(provider, request)
    asks_time = request.max_age is not None or "login" in request.prompt or request.client.require_auth_time
    return AuthorizationCode(
        id=new_id(now),
        account_id=_NOBODY,
        consent_id=_NOBODY,
        session_id=_NO_SESSION,
        client_id=request.client.id,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        scope=format_scope(request.scope),
        subject=subject,
        auth_time=now,
        # The moment of this very presentation: it joins nobody to anything else.
        shown_auth_time=now if asks_time or request.claims.auth_time else None,
        sid=None,
        acr=None if isinstance(acr, Unmet) else acr,
        claims=request.claims.compact(),
        dpop_jkt=request.dpop_jkt,
        resource=request.resource,
        # There is no session: the grant lasts as long as the one access token that it brings.
        session_expires_at=now + lifetimes.code + lifetimes.access_token,
        expires_at=now + lifetimes.code,
        band=band.value,
    )

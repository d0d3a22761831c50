"""Initial access tokens: what a trusted registrar registers apps with (RFC 7591, section 3).

Sealed and self-contained, so that nothing is stored; good for any number of apps until it expires.
"""

import re
from dataclasses import dataclass

import orjson

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.protocol.errors import InvalidToken
from idp.protocol.provider import Provider

_AD = b"initial-access-token/v1"
_MEMBERS = 3
_REGISTRAR = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class InitialAccess:
    """Who registers. `registrar` owns what is registered; `expires_at` epoch seconds.

    `require_pkce` is what holds for a client that says nothing about it (conformance row 40).
    """

    registrar: str
    expires_at: int
    require_pkce: bool = True


def admit_registrar(provider: Provider, access: InitialAccess) -> str:
    """A token for a registrar, audited. Refused (`bad_registrar`) for a name that is not plain ASCII of 1 to 64."""
    if not _REGISTRAR.match(access.registrar):
        raise Refused("bad_registrar", "a registrar's name has 1 to 64 letters, digits, spaces and . _ -")
    now = provider.now()
    until = (("expires_at", str(access.expires_at)),)
    event = AuditEvent(new_id(now), now, AuditKind.REGISTRAR_ADMITTED, None, None, access.registrar, until)
    provider.realm.store.write(lambda tx: tx.audit.append(event), event.id)
    return seal_initial_access(provider, access)


def seal_initial_access(provider: Provider, access: InitialAccess) -> str:
    """The token as the registrar gets it."""
    plaintext = orjson.dumps([access.registrar, access.expires_at, access.require_pkce])
    return b64url_encode(provider.access_tokens.seal(plaintext, _AD))


def open_initial_access(provider: Provider, text: str) -> InitialAccess:
    """The inverse of `seal_initial_access`; InvalidToken for anything not ours, or expired."""
    try:
        plaintext = provider.access_tokens.open(b64url_decode(text), _AD)
    except CryptoError as error:
        raise InvalidToken("the initial access token is not valid", str(error)) from error
    access = InitialAccess(*orjson.loads(plaintext)[:_MEMBERS])
    if provider.now() >= access.expires_at:
        raise InvalidToken("the initial access token has expired")
    return access

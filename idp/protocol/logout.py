"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): who asks, whom it means, where to go afterwards.

Order is security; a bad request ends on a page and never redirects:
 1 nothing repeated                     4 the redirect URI is registered for that client, as a string
 2 the hint is ours, for that client    5 the hint means the person who is signed in, or the person is asked first
 3 the client is known
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from crypto.errors import CryptoError
from crypto.jwt import unverified_claims
from crypto.pairwise import pairwise_subject
from idp.domain.client import Client, ClientState
from idp.domain.session import Session
from idp.protocol.authorization.checks import MAX_VALUE_BYTES, hinted_subject
from idp.protocol.errors import InvalidRequest
from idp.protocol.parameters import repeated
from idp.protocol.provider import Provider


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A checked request. `location` is where to send the browser afterwards (None: a page of ours).

    `confirmed`: a hint shows that the app means the person who is signed in, or nobody is; otherwise ask first.
    """

    client: Client | None
    location: str | None
    confirmed: bool


def check_logout(provider: Provider, pairs: list[tuple[str, str]], session: Session | None) -> LogoutRequest:
    """Steps 1 to 5; InvalidRequest is to be shown on a page. Nothing has been ended yet."""
    if repeated(pairs) is not None:  # 1
        raise InvalidRequest("a parameter is repeated")
    parameters = dict(pairs)
    hint, client_id = parameters.get("id_token_hint"), parameters.get("client_id")
    subject = None
    if hint is not None:
        client_id = _audience(hint, client_id)
        subject = hinted_subject(provider, hint, client_id)  # 2
    client = _known(provider, client_id)  # 3
    location = _location(client, parameters, proven=subject is not None)  # 4
    confirmed = session is None or (
        client is not None and subject is not None and _means(provider, client, subject, session)
    )
    return LogoutRequest(client, location, confirmed)  # 5


def _audience(hint: str, client_id: str | None) -> str:
    """The client an id_token_hint was made for; it is proven when the signature is checked with it."""
    try:
        unverified_audience = unverified_claims(hint).get("aud")
    except CryptoError as error:
        raise InvalidRequest("id_token_hint is not an ID token of ours", str(error)) from error
    if not isinstance(unverified_audience, str):
        raise InvalidRequest("id_token_hint is not an ID token of ours")
    if client_id is not None and client_id != unverified_audience:
        raise InvalidRequest("client_id differs from the id_token_hint's")
    return unverified_audience


def _known(provider: Provider, client_id: str | None) -> Client | None:
    if client_id is None:
        return None
    client = provider.realm.store.read(lambda tx: tx.clients.get(client_id))
    if client is None or not client.usable:
        raise InvalidRequest("this app is not known here")
    return client


def _location(client: Client | None, parameters: dict[str, str], proven: bool) -> str | None:
    uri = parameters.get("post_logout_redirect_uri")
    if uri is None:
        return None
    if client is None or not proven:
        raise InvalidRequest("post_logout_redirect_uri needs an id_token_hint")
    if uri not in client.post_logout_redirect_uris or client.state is not ClientState.ACTIVE:
        raise InvalidRequest("post_logout_redirect_uri is not registered for this app")
    state = parameters.get("state")
    if state is None:
        return uri
    if len(state.encode()) > MAX_VALUE_BYTES:
        raise InvalidRequest("state is longer than 512 bytes")
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode({'state': state})}"


def _means(provider: Provider, client: Client, subject: str, session: Session) -> bool:
    """A pairwise `sub` cannot be reversed: it is computed for the person who is signed in and compared."""
    account = provider.realm.store.read(lambda tx: tx.accounts.get(session.account_id))
    if account is None:
        return False
    own = pairwise_subject(provider.realm.keys.pairwise, provider.issuer, client.sector, account.salt)
    return own == subject

"""What an app learns of a person: an age band computed anew at each issue, and nothing that was not agreed."""

from typing import Any

from idp.domain.account import AgeRecord
from idp.domain.age import AgeState
from idp.domain.client import Client
from idp.domain.scope import AGE, AGE_ASSURANCE, AGE_BAND, AGE_OVER_PREFIX, AGE_THRESHOLDS
from idp.domain.value import value
from idp.protocol.claims_request import ClaimsRequest
from idp.protocol.provider import Provider
from idp.services.realm import Realm

_ALWAYS = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr")


def claims_supported(realm: Realm) -> list[str]:
    """Every claim that can stand in an ID token or a UserInfo answer here (OIDC Discovery, section 3)."""
    sid = ("sid",) if realm.offer.tells_apps else ()
    over = (f"{AGE_OVER_PREFIX}{age}" for age in realm.thresholds)
    return [*_ALWAYS, *sid, *realm.offer.age_claims, "session_until", *over]


@value
class Disclosure:
    """Whose answer this is: everything `age_claims` needs to know. `requested` are claims asked for by name."""

    client: Client
    scope: frozenset[str]
    requested: frozenset[str]
    age: AgeRecord | None


def requested_for(claims_request: str, place: str) -> frozenset[str]:
    """Age claims that a grant remembers for `id_token` or `userinfo` (OIDC Core, section 5.5)."""
    if not claims_request:
        return frozenset()
    remembered = ClaimsRequest.from_compact(claims_request)
    return remembered.id_token if place == "id_token" else remembered.userinfo


def age_claims(provider: Provider, disclosure: Disclosure, now: int) -> dict[str, Any]:
    """The age claims of an ID token or a UserInfo answer; empty when no age is known or none was asked for."""
    scope, requested, record = disclosure.scope, disclosure.requested, disclosure.age
    if record is None or not (AGE in scope or requested):
        return {}
    # Advanced once; each claim then reads the same moment.
    state = record.state.at(now)
    claims: dict[str, Any] = {}
    if AGE in scope or AGE_BAND in requested:
        claims[AGE_BAND] = state.band(now).value
    if requested:
        claims.update(_by_name(disclosure, state, now))
    until = session_until(provider, disclosure.client, record, now)
    if until is not None:
        claims["session_until"] = until
    return claims


def session_until(provider: Provider, client: Client, record: AgeRecord | None, now: int) -> int | None:
    """When a minor's use of this app must end (epoch seconds, a quarter hour), or None."""
    if record is None or client.category not in provider.realm.policy.minor_mode.categories:
        return None
    band = record.state.band(now)
    return provider.realm.curfew.session_until(band, client.category, now)


def _by_name(disclosure: Disclosure, state: AgeState, now: int) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    # Only thresholds approved for the client: otherwise it could search for the birth date (threats C06).
    known = {age: state.over(age, now) for age in disclosure.client.thresholds}
    for age, over in known.items():
        if over is not None and f"{AGE_OVER_PREFIX}{age}" in disclosure.requested:
            claims[f"{AGE_OVER_PREFIX}{age}"] = over
    if AGE_THRESHOLDS in disclosure.requested:
        claims[AGE_THRESHOLDS] = {str(age): over for age, over in known.items() if over is not None}
    if AGE_ASSURANCE in disclosure.requested and disclosure.age is not None:
        claims[AGE_ASSURANCE] = disclosure.age.assurance_at(now).value
    return claims

"""From a checked request to an answer: what stands between the person and the code or the device, in order.

 a signed in, freshly enough     d age known             g the person agreed
 b app open to this person       e guardian agreed       h assurance sufficient
 c the person the app means      f within the curfew     then: the code, or the approval

Every no of a page, the guardian's and the curfew's included, reaches the app as the same `access_denied` (threats C05);
only pages tell the person why, and nothing about the person is said before the person has agreed. A device's request
goes the same way, and always over a page.
"""

import hashlib
from dataclasses import dataclass

from crypto.encoding import lp
from crypto.pairwise import pairwise_subject
from idp.domain.account import Account
from idp.domain.client import Client, ClientState
from idp.domain.consent import Consent, Giver
from idp.domain.device_grant import Approved
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.domain.scope import AGE, OFFLINE_ACCESS, format_scope
from idp.domain.session import Session
from idp.protocol import errors
from idp.protocol.authorization.assurance import Unmet, achieved_acr
from idp.protocol.authorization.device import DeviceAnswered, approve_device, deny_device
from idp.protocol.authorization.pending import Pending, session_name
from idp.protocol.authorization.request import DeviceRequest, PersonRequest
from idp.protocol.authorization.response import AuthorizationResponse, refusal, success
from idp.protocol.authorization_code import AuthorizationCode, seal_code
from idp.protocol.provider import Provider
from idp.services.consents import give_consent

BLUNTING_SECONDS = 60
"""What two apps see of one session lies up to so many seconds apart."""


@dataclass(frozen=True, slots=True)
class SignInNeeded:
    """Show the sign-in page; `again` when a session exists but the app asked for a fresh authentication."""

    pending: Pending
    again: bool


@dataclass(frozen=True, slots=True)
class ConsentNeeded:
    """Show the consent page: what the app would learn."""

    pending: Pending
    scope: frozenset[str]
    claims: frozenset[str]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Show why it cannot go on; the person's button leads back to the app with `access_denied`.

    `reason` is one of `age_unknown`, `guardian_needed`, `curfew`, `not_reviewed`, for devices also `not_possible`;
    `opens_at` epoch seconds for a curfew, else None; `told`: the person agreed that this app knows the age band.
    """

    pending: Pending
    reason: str
    opens_at: int | None = None
    told: bool = False


Outcome = AuthorizationResponse | DeviceAnswered | SignInNeeded | ConsentNeeded | Obstacle


def proceed(provider: Provider, pending: Pending, session: Session | None) -> Outcome:
    """Take the request as far as it goes without asking the person; with `prompt=none` it always ends in an answer."""
    outcome = _next(provider, pending, session, agreed=False)
    request = pending.request
    if isinstance(request, DeviceRequest) or "none" not in request.prompt or isinstance(outcome, AuthorizationResponse):
        return outcome
    silent: errors.ProtocolError
    if isinstance(outcome, SignInNeeded):
        silent = errors.LoginRequired("the person is not signed in")
    elif isinstance(outcome, Obstacle) and outcome.told:
        silent = errors.InteractionRequired("the person must see a page first")
    elif request.subjects:
        # An app the person has not agreed to must not find out by a name whether it is the same person.
        silent = errors.LoginRequired("another person is signed in")
    else:
        # Before the person has agreed, an obstacle sounds like every other no: it could tell who is a child.
        silent = errors.ConsentRequired("the person has not agreed yet")
    return refusal(provider, request, silent)


def decide(provider: Provider, pending: Pending, session: Session | None, allow: bool) -> Outcome:
    """Carry out the person's answer on a page: agree, or go back to the app with `access_denied`."""
    if not allow:
        return deny(provider, pending)
    return _next(provider, pending, session, agreed=True)


def deny(provider: Provider, pending: Pending) -> AuthorizationResponse | DeviceAnswered:
    """The one negative answer an app ever sees of a person's or a rule's no."""
    if isinstance(pending.request, DeviceRequest):
        return deny_device(provider, pending.request)
    return refusal(provider, pending.request, errors.AccessDenied("the request was not granted"))


def _next(provider: Provider, pending: Pending, session: Session | None, agreed: bool) -> Outcome:
    request, now = pending.request, provider.now()
    # A session in its last minute begins nothing new: its grants end earlier by the blunting.
    if session is None or not session.alive(now + BLUNTING_SECONDS):  # a
        return SignInNeeded(pending, again=False)
    if _stale(pending, session, now):
        return SignInNeeded(pending, again=True)
    account, consents = provider.realm.store.read(lambda tx: _person(tx, session, request))
    if account is None or not account.usable:
        return SignInNeeded(pending, again=False)
    subject = pairwise_subject(
        provider.realm.keys.pairwise, provider.issuer, request.client.sector, account.salt
    )
    if request.client.state is ClientState.PENDING and not account.tester:  # b
        return Obstacle(pending, "not_reviewed")
    if request.subjects - {subject}:  # c
        return _other_person(provider, pending)
    wanted, claims = request.scope, request.claims.age_claims
    consent = next((c for c in consents if c.giver is Giver.SELF), None)
    covered = consent is not None and consent.covers(wanted, claims, request.client.manifest.version)
    reason = _obstacle(provider, request, account, consents, now)  # d, e, f
    if reason is not None:
        told = covered and consent is not None and AGE in consent.scope
        return Obstacle(pending, *reason, told=told)
    acr = achieved_acr(request, account.age, now)
    if isinstance(acr, Unmet) and isinstance(request, DeviceRequest):
        # Said to the person alone, who may have another account for it: no consent is needed first.
        return Obstacle(pending, "not_possible")
    needs_a_word = "consent" in request.prompt or request.client.state is not ClientState.ACTIVE
    if not agreed and (not covered or needs_a_word):  # g
        return ConsentNeeded(pending, wanted, claims)
    if isinstance(acr, Unmet):  # h
        error = errors.UnmetAuthenticationRequirements("the asked level of assurance is not on record")
        return _refuse(provider, pending, error)
    if agreed or consent is None:
        consent = give_consent(provider.realm, account.id, request.client, wanted, claims)
    return _answer(provider, pending, session, account, consent, subject, acr)


def _person(
    tx: Transaction, session: Session, request: PersonRequest
) -> tuple[Account | None, tuple[Consent, ...]]:
    account = tx.accounts.get(session.account_id)
    return account, tuple(tx.consents.active(session.account_id, request.client.id))


def _stale(pending: Pending, session: Session, now: int) -> bool:
    """Whether the app asked for a fresher authentication than this session has (OIDC Core, 3.1.2.1)."""
    if session.auth_time >= pending.began_at and session_name(session) != pending.began_with:
        return False
    request = pending.request
    if request.prompt & {"login", "select_account"}:
        return True
    return request.max_age is not None and now - session.auth_time > request.max_age


def _other_person(provider: Provider, pending: Pending) -> Outcome:
    """Another person is signed in than the app means (OIDC Core, 3.1.2.2)."""
    return _refuse(provider, pending, errors.LoginRequired("another person is signed in"))


def _refuse(provider: Provider, pending: Pending, error: errors.ProtocolError) -> Outcome:
    """Tell the app at once; where it is a device, tell the person, who may have another account for it."""
    if isinstance(pending.request, DeviceRequest):
        return Obstacle(pending, "not_possible")
    return refusal(provider, pending.request, error)


def _obstacle(
    provider: Provider,
    request: PersonRequest,
    account: Account,
    consents: tuple[Consent, ...],
    now: int,
) -> tuple[str, int | None] | None:
    client, policy = request.client, provider.realm.policy
    if account.age is None:  # d
        return ("age_unknown", None) if request.wants_age else None
    # Unknown counts as not over: nobody is let through on a threshold that evidence says nothing about.
    child = not account.age.state.over(policy.consent_age, now)
    if child and not any(c.giver is Giver.GUARDIAN for c in consents):  # e
        return "guardian_needed", None
    band, curfew = account.age.state.band(now), provider.realm.curfew
    if not curfew.allowed_at(band, client.category, now):  # f
        return "curfew", curfew.opens_next(band, client.category, now)
    return None


def _answer(
    provider: Provider,
    pending: Pending,
    session: Session,
    account: Account,
    consent: Consent,
    subject: str,
    acr: str | None,
) -> AuthorizationResponse | DeviceAnswered:
    request, now = pending.request, provider.now()
    scope = request.scope
    if OFFLINE_ACCESS in scope and "refresh_token" not in request.client.grant_types:
        scope -= {OFFLINE_ACCESS}
    if isinstance(request, DeviceRequest):
        approved = Approved(
            account_id=account.id,
            subject=subject,
            scope=scope,
            claims_request=request.claims.compact(),
            auth_time=session.auth_time,
            shown_auth_time=_shown_auth_time(request, session),
            acr=acr,
            nonce=request.nonce,
            resource=request.resource,
        )
        return approve_device(provider, request, approved)
    code = AuthorizationCode(
        id=new_id(now),
        account_id=account.id,
        consent_id=consent.id,
        session_id=session.id,
        client_id=request.client.id,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        scope=format_scope(scope),
        subject=subject,
        auth_time=session.auth_time,
        shown_auth_time=_shown_auth_time(request, session),
        sid=session.sid(request.client.id) if request.client.wants_sid else None,
        acr=acr,
        claims=request.claims.compact(),
        dpop_jkt=request.dpop_jkt,
        resource=request.resource,
        session_expires_at=session.expires_at - _blunting(session, request.client),
        expires_at=now + provider.lifetimes.code,
        age=account.age.serialize().hex() if account.age else "",
        age_version=account.age_version.hex(),
    )
    return success(provider, request, seal_code(provider, code))


def _shown_auth_time(request: PersonRequest, session: Session) -> int | None:
    """`auth_time` as this app may see it: exact where freshness was asked, else lowered by under a minute."""
    asks_freshness = request.max_age is not None or "login" in request.prompt
    if asks_freshness or request.client.require_auth_time:
        return session.auth_time
    if not request.claims.auth_time:
        return None
    return session.auth_time - _blunting(session, request.client)


def _blunting(session: Session, client: Client) -> int:
    """Pseudorandom seconds (0 to 59) for each session and sector: two apps cannot match a person by the second.

    What an app sees of a session's begin (`auth_time`) and of its end (`exp` of a grant) is lowered by the same.
    """
    digest = hashlib.blake2b(lp("blindage/auth-time/v1", client.sector), digest_size=8, key=session.sid_seed)
    return int.from_bytes(digest.digest(), "big") % BLUNTING_SECONDS

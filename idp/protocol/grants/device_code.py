"""The device code grant (RFC 8628, section 3.4): a device polls until somebody has answered, and gets tokens once.

Order is security; what fails before step 9 leaves the code unspent:
 1 the code is ours and this client's   4 nobody has answered, or no       7 the curfew leaves time
 2 it is not spent                      5 the DPoP key is proven           8 tokens are made (nothing stored)
 3 it has not expired                   6 account and consent alive now    9 claimed: spent and granted at once
Step 6 is done once more within step 9, where a lockout or a withdrawal comes before it or after it, never between
(threats A15). A code that is shown again revokes the grant it led to, as at the code grant: either two hold it, or its
answer was lost, and then nobody holds the tokens.
"""

from dataclasses import replace
from typing import Any

from authlib.oauth2.rfc6749 import BaseGrant, TokenEndpointMixin

from idp.domain import device_grant
from idp.domain.consent import Consent, Giver
from idp.domain.device_grant import Approved, Denied, DeviceGrant, Redeemed, Waiting
from idp.domain.grant import Grant, Standing
from idp.domain.ports import Transaction
from idp.domain.scope import OFFLINE_ACCESS
from idp.protocol.claims_request import ClaimsRequest
from idp.protocol.device_authorization import device_code_digest
from idp.protocol.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    InvalidRequest,
    PollingTooFast,
)
from idp.protocol.provider import Provider
from idp.protocol.server import TokenRequest, bound_key, target
from idp.protocol.token_issuance import Issue, issue_tokens


class DeviceCodeGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib carries no types
    """Exchange a device code for tokens, once, when a person has agreed."""

    GRANT_TYPE = device_grant.GRANT_TYPE

    def validate_token_request(self) -> None:
        """Steps 1 to 5."""
        request: TokenRequest = self.request
        code = request.form.get("device_code")
        if code is None:
            raise InvalidRequest("device_code is missing")
        self._device, self._approved = _polled(self._provider, code, request.client.id)
        self._jkt = bound_key(self._provider, request)  # 5

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Steps 6 to 9."""
        provider, client, approved = self._provider, self.request.client, self._approved
        now = provider.now()

        def look(tx: Transaction) -> tuple[Standing, Consent | None]:
            standing = tx.consents.standing(approved.account_id, client.id, None, now)
            return standing, _consent(tx, approved, client.id)

        standing, consent = provider.realm.store.read(look)
        if not standing.serves(client) or consent is None:  # 6
            raise _ended()
        resource = target(client, (approved.resource,) if approved.resource else (), self.request.form)
        grant = _grant_of(provider, self._device, approved, consent, self._jkt, resource, now)
        issue = Issue(client, grant, grant.scope, standing.age, approved.nonce, grant.generation, self._jkt, resource)
        answer = issue_tokens(provider, issue, now)  # 7, 8
        if not provider.realm.store.write(lambda tx: _redeem(tx, approved, grant, now), grant.id):  # 9
            raise _used(provider, grant.id, now)
        return 200, answer, []

    @property
    def _provider(self) -> Provider:
        provider: Provider = self.server.provider
        return provider


def _polled(provider: Provider, code: str, client_id: str) -> tuple[DeviceGrant, Approved]:
    """Count the poll; the grant once somebody has agreed, else what the device is to do (RFC 8628, section 3.5)."""
    store, now, digest = provider.realm.store, provider.now(), device_code_digest(code)
    poll = store.write(lambda tx: tx.device_grants.poll(digest, client_id, now), digest)
    if poll is None:  # 1
        raise InvalidGrant("the device code is not valid", "unknown, or of another client")
    grant = poll.grant
    match grant.stage:
        case Redeemed():  # 2
            raise _used(provider, grant.id, now)
        case _ if now >= grant.expires_at:  # 3
            raise ExpiredToken("the device code has expired")
        case Waiting():  # 4
            if poll.hurried:
                raise PollingTooFast(f"wait {grant.interval} seconds between polls")
            raise AuthorizationPending("nobody has answered yet")
        case Denied():
            raise AccessDenied("the request was not granted")
        case Approved() as approved:
            return grant, approved


def _consent(tx: Transaction, approved: Approved, client_id: str) -> Consent | None:
    """The person's living consent to all that was approved; a later one takes the place of the one given then."""
    claims = ClaimsRequest.from_compact(approved.claims_request).age_claims
    return next(
        (
            consent
            for consent in tx.consents.active(approved.account_id, client_id)
            if consent.giver is Giver.SELF and consent.covers(approved.scope, claims, consent.manifest_version)
        ),
        None,
    )


def _redeem(tx: Transaction, approved: Approved, grant: Grant, now: int) -> bool:
    """Spend the code and open the grant, both or neither; False when the code is spent."""
    # Reading the account locks it: whoever locks it out or gives another consent waits, or has been here before.
    account = tx.accounts.get(approved.account_id)
    consent = _consent(tx, approved, grant.client_id)
    if account is None or not account.usable or consent is None:
        raise _ended()
    if not tx.device_grants.claim_redeemed(grant.id, now):
        return False
    if not tx.grants.claim_code(replace(grant, consent_id=consent.id)):
        raise InvalidGrant("the device code has been used", "a grant of this id exists")
    return True


def _used(provider: Provider, grant_id: bytes, now: int) -> InvalidGrant:
    provider.realm.store.write(lambda tx: tx.grants.revoke(grant_id, now), grant_id)
    return InvalidGrant("the device code has been used")


def _ended() -> InvalidGrant:
    return InvalidGrant("the grant has ended", "account or consent")


def _grant_of(
    provider: Provider,
    device: DeviceGrant,
    approved: Approved,
    consent: Consent,
    jkt: str | None,
    resource: str | None,
    now: int,
) -> Grant:
    """The grant bears the device authorization's id. It hangs on no browser session: that one is on another device.

    Without `offline_access` it ends after a day, since nobody signs a device out.
    """
    offline = OFFLINE_ACCESS in approved.scope
    return Grant(
        id=device.id,
        account_id=approved.account_id,
        client_id=device.client_id,
        session_id=None,
        consent_id=consent.id,
        subject=approved.subject,
        scope=approved.scope,
        claims_request=approved.claims_request,
        auth_time=approved.auth_time,
        shown_auth_time=approved.shown_auth_time,
        sid=None,
        acr=approved.acr,
        offline=offline,
        jkt=jkt,
        resource=(resource,) if resource is not None else (),
        created_at=now,
        expires_at=now + (provider.lifetimes.grant if offline else provider.lifetimes.device_grant),
    )

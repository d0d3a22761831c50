"""The authorization code grant (RFC 6749, section 4.1.3; RFC 7636, section 4.6).

Order is security; what fails before step 9 leaves the code unspent for its rightful client:
 1 the code is ours and unexpired      4 the PKCE verifier fits            7 the curfew leaves time
 2 it is this client's                 5 the DPoP key is the code's        8 tokens are made (nothing stored)
 3 the redirect URI is the same        6 account, consent, session live    9 claimed: spent and granted at once
Steps 6 and 9 are one statement: tokens are made from what the code saw at `/authorize`, and leave only if the claim
finds that still true. If not, 6 looks at what holds now, and 7 to 9 run once more with that.
The session counts for `offline_access`, too: such a grant outlives its session, a code does not.
Then 10: a replay revokes the grant the code first led to.
"""

import hmac
from collections.abc import Sequence
from typing import Any

from authlib.oauth2.rfc6749 import BaseGrant, TokenEndpointMixin

from crypto.pkce import is_verifier, verifier_matches
from idp.domain.account import parse_age_record
from idp.domain.age import Band
from idp.domain.grant import Claim, Grant, Standing
from idp.domain.ports import Transaction
from idp.domain.scope import OFFLINE_ACCESS, parse_scope
from idp.protocol.authorization_code import AuthorizationCode, open_code
from idp.protocol.claims_request import ClaimsRequest
from idp.protocol.errors import InvalidGrant, InvalidRequest
from idp.protocol.provider import Provider
from idp.protocol.server import TokenRequest, bound_key, target
from idp.protocol.token_issuance import Issue, grant_lifetime, issue_tokens


class AuthorizationCodeGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib carries no types
    """Exchange a code for tokens, once."""

    GRANT_TYPE = "authorization_code"

    def validate_token_request(self) -> None:
        """Steps 1 to 5: who asks and whether the code is theirs."""
        request: TokenRequest = self.request
        form = request.form
        text = form.get("code")
        if text is None:
            raise InvalidRequest("code is missing")
        code = open_code(self._provider, text)  # 1
        if self._provider.now() >= code.expires_at:
            raise InvalidGrant("the code has expired")
        if not hmac.compare_digest(code.client_id.encode(), request.client.id.encode()):  # 2
            raise InvalidGrant("the code is not valid", "code of another client")
        if form.get("redirect_uri") != code.redirect_uri:  # 3
            raise InvalidGrant("redirect_uri differs from the authorization request")
        _check_pkce(code, form.get("code_verifier"))  # 4
        self._jkt = bound_key(self._provider, request)  # 5
        if code.dpop_jkt is not None and self._jkt != code.dpop_jkt:
            raise InvalidGrant("the code is bound to another DPoP key")
        self._code = code

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Steps 6 to 10."""
        provider, client, code = self._provider, self.request.client, self._code
        store, now = provider.realm.store, provider.now()
        seen = provider.vouchers.seen(code)
        if seen is not None and seen.serves(client):
            grant, answer = self._issued(seen, code.consent_id, now)  # 7, 8
            if store.write_each(_claim, Claim(grant, bytes.fromhex(code.age_version)), grant.id):  # 6, 9
                return 200, answer, []
        standing = provider.vouchers.standing(store, code, now)
        if not (standing.serves(client) and _still_agreed(standing, code)):  # 6
            raise InvalidGrant("the grant has ended", "account, consent or session")
        if _found_a_child(provider, standing, code, now):  # 6
            raise InvalidGrant("the grant has ended", "a child, as it turned out after the code")
        consent_id = code.consent_id if standing.agreed is None else standing.agreed.consent_id
        grant, answer = self._issued(standing, consent_id, now)  # 7, 8
        if not store.write(lambda tx: tx.grants.claim_code(grant), grant.id):  # 9
            store.write(lambda tx: tx.grants.revoke(grant.id, now), grant.id)  # 10
            raise InvalidGrant("the code has been used")
        return 200, answer, []

    def _issued(self, standing: Standing, consent_id: bytes, now: int) -> tuple[Grant, dict[str, Any]]:
        """The grant that is to be claimed, and the answer that may leave if it was."""
        provider, client, code = self._provider, self.request.client, self._code
        resource = target(client, (code.resource,) if code.resource else (), self.request.form)
        grant = _grant_of(provider, code, consent_id, self._jkt, resource, now)
        issue = Issue(client, grant, grant.scope, standing.age, code.nonce, grant.generation, self._jkt, resource)
        return grant, issue_tokens(provider, issue, now)

    @property
    def _provider(self) -> Provider:
        provider: Provider = self.server.provider
        return provider


def _claim(tx: Transaction, claims: Sequence[Claim]) -> Sequence[bool]:
    return tx.grants.claim_codes(claims)


def _still_agreed(standing: Standing, code: AuthorizationCode) -> bool:
    """Whether the consent that holds now covers the code, which may be older; the door's codes need none."""
    if code.band is not None:
        return True
    agreed = standing.agreed
    claims = ClaimsRequest.from_compact(code.claims).age_claims
    return agreed is not None and parse_scope(code.scope) <= agreed.scope and claims <= agreed.claims


def _found_a_child(provider: Provider, standing: Standing, code: AuthorizationCode, now: int) -> bool:
    """Whether somebody is a child who was not known to be one at `/authorize`, where a guardian was not asked for."""
    if code.band is not None or standing.age is None:
        return False
    age, seen = standing.age.state, parse_age_record(bytes.fromhex(code.age))
    consent_age = provider.realm.policy.consent_age
    return not age.over(consent_age, now) and (seen is None or bool(seen.state.over(consent_age, now)))


def _check_pkce(code: AuthorizationCode, verifier: str | None) -> None:
    if code.code_challenge is None:
        if verifier is not None:
            raise InvalidGrant("code_verifier without code_challenge")
        return
    if verifier is None:
        raise InvalidGrant("code_verifier is missing")
    if not is_verifier(verifier) or not verifier_matches(verifier, code.code_challenge):
        raise InvalidGrant("code_verifier does not match")


def _grant_of(
    provider: Provider,
    code: AuthorizationCode,
    consent_id: bytes,
    jkt: str | None,
    resource: str | None,
    now: int,
) -> Grant:
    scope = parse_scope(code.scope)
    return Grant(
        # The grant bears the code's id: its one unique key says that it stands and that the code is spent.
        id=code.id,
        account_id=code.account_id,
        client_id=code.client_id,
        # An offline grant outlives its session; the app is told all the same when the person signs out.
        session_id=code.session_id,
        consent_id=consent_id,
        subject=code.subject,
        scope=scope,
        claims_request=code.claims,
        auth_time=code.auth_time,
        shown_auth_time=code.shown_auth_time,
        sid=code.sid,
        acr=code.acr,
        offline=OFFLINE_ACCESS in scope,
        jkt=jkt,
        resource=(resource,) if resource is not None else (),
        created_at=now,
        expires_at=grant_lifetime(provider, code.scope, code.session_expires_at, now),
        band=None if code.band is None else Band(code.band),
    )

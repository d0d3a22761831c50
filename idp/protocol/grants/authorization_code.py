"""The authorization code grant (RFC 6749, section 4.1.3; RFC 7636, section 4.6).

Order is security; what fails before step 6 leaves the code unspent for its rightful client:
 1 the code is ours and unexpired      4 the PKCE verifier fits            7 tokens are made (nothing stored)
 2 it is this client's                 5 account, consent, session live    8 claimed: spent and granted at once
 3 the redirect URI is the same        6 the curfew leaves time            9 a replay revokes the first grant
"""

import hmac
from typing import Any

from authlib.oauth2.rfc6749 import BaseGrant, TokenEndpointMixin

from crypto.pkce import is_verifier, verifier_matches
from idp.domain.grant import Grant, Standing
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.domain.scope import OFFLINE_ACCESS, parse_scope
from idp.protocol.authorization_code import AuthorizationCode, open_code
from idp.protocol.errors import InvalidGrant, InvalidRequest
from idp.protocol.provider import Provider
from idp.protocol.server import TokenRequest
from idp.protocol.token_issuance import Issue, grant_lifetime, issue_tokens


class AuthorizationCodeGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib carries no types
    """Exchange a code for tokens, once."""

    GRANT_TYPE = "authorization_code"

    def validate_token_request(self) -> None:
        """Steps 1 to 4: everything that can be said without the database."""
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
        self._code = code

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Steps 5 to 9."""
        provider, client, code = self._provider, self.request.client, self._code
        now = provider.now()
        session_id = None if OFFLINE_ACCESS in parse_scope(code.scope) else code.session_id

        def look(tx: Transaction) -> Standing:
            return tx.consents.standing(code.account_id, code.client_id, session_id, now)

        standing = provider.realm.store.read(look)
        if not standing.live:  # 5
            raise InvalidGrant("the grant has ended", "account, consent or session")
        grant = _grant_of(provider, code, session_id, now)
        issue = Issue(client, grant, grant.scope, standing.age, code.nonce, grant.generation)
        answer = issue_tokens(provider, issue, now)  # 6, 7
        if not provider.realm.store.write(lambda tx: tx.grants.claim_code(code.id, grant), code.id):  # 8
            provider.realm.store.write(lambda tx: tx.grants.revoke_by_code(code.id, now), code.id)  # 9
            raise InvalidGrant("the code has been used")
        return 200, answer, []

    @property
    def _provider(self) -> Provider:
        provider: Provider = self.server.provider
        return provider


def _check_pkce(code: AuthorizationCode, verifier: str | None) -> None:
    if code.code_challenge is None:
        if verifier is not None:
            raise InvalidGrant("code_verifier without code_challenge")
        return
    if verifier is None:
        raise InvalidGrant("code_verifier is missing")
    if not is_verifier(verifier) or not verifier_matches(verifier, code.code_challenge):
        raise InvalidGrant("code_verifier does not match")


def _grant_of(provider: Provider, code: AuthorizationCode, session_id: bytes | None, now: int) -> Grant:
    return Grant(
        id=new_id(now),
        account_id=code.account_id,
        client_id=code.client_id,
        session_id=session_id,
        consent_id=code.consent_id,
        subject=code.subject,
        scope=parse_scope(code.scope),
        claims_request=code.claims,
        auth_time=code.auth_time,
        shown_auth_time=code.shown_auth_time,
        sid=code.sid,
        acr=code.acr,
        offline=session_id is None,
        jkt=code.dpop_jkt,
        resource=(),
        created_at=now,
        expires_at=grant_lifetime(provider, code.scope, code.session_expires_at, now),
    )

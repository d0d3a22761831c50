"""`blindage mint-codes`: authorization codes for load tests, without the pages that a person would go through."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import click

from crypto.encoding import b64url_encode
from crypto.pkce import challenge_of
from idp.cli.terminal import opened_provider
from idp.domain.age import Assurance
from idp.domain.client import Client, ClientState
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.scope import parse_scope
from idp.domain.session import Session
from idp.protocol.authorization import checks, flow
from idp.protocol.authorization.pending import begin
from idp.protocol.authorization.request import UnverifiedRequest
from idp.protocol.authorization.response import AuthorizationResponse
from idp.protocol.authorization_code import AuthorizationCode, open_code, seal_code
from idp.protocol.provider import Provider
from idp.services.accounts import create_account
from idp.services.clients import Registered, register_client
from idp.services.evidence import record_evidence
from idp.services.sign_in import sign_in

REDIRECT_URI = "http://127.0.0.1:9/callback"
LONGEST = 3600
"""Seconds; codes that outlive the minute of the standard are for machines that talk to themselves only."""


@click.command("mint-codes", hidden=True)
@click.option("--count", required=True, type=click.IntRange(0, 1_000_000))
@click.option("--valid-for", default=60, show_default=True, type=click.IntRange(1, LONGEST), help="Seconds.")
@click.option("--people", default=16, show_default=True, type=click.IntRange(1, 10_000), help="Whom the codes are for.")
@click.option("--refresh/--no-refresh", default=False, show_default=True, help="Whether the app gets refresh tokens.")
@click.option("--scope", default="openid age", show_default=True, help="What people agree to.")
def mint_codes(count: int, valid_for: int, people: int, refresh: bool, scope: str) -> None:
    """Print an app of its own, then COUNT authorization codes for it, as JSON lines. Loopback issuers only.

    Each person is made, signed in and agrees through the same steps as on the pages; further codes of a person differ
    in id, nonce and PKCE challenge. They are real: the token endpoint redeems each of them once.
    """
    with opened_provider() as provider:
        if not provider.realm.loopback:
            raise Refused("not_loopback", "codes are minted for load tests, under a loopback issuer only")
        app = _app(provider, refresh, scope)
        click.echo(
            json.dumps(
                {"client_id": app.client.id, "client_secret": app.secret, "redirect_uri": REDIRECT_URI}
            )
        )
        templates = [_agreed(provider, app.client, scope) for _ in range(min(people, count))]
        click.echo("\n".join(_codes(provider, templates, count, valid_for)))


def _app(provider: Provider, refresh: bool, scope: str) -> Registered:
    grants = {"authorization_code", "refresh_token"} if refresh else {"authorization_code"}
    draft = Client(
        id="", name="Load test", state=ClientState.ACTIVE, created_at=0, redirect_uris=(REDIRECT_URI,), sector="",
        scope=parse_scope(scope), grant_types=frozenset(grants), id_token_signed_response_alg="ES256",
    )  # fmt: skip
    return register_client(provider.realm, draft)


def _agreed(provider: Provider, client: Client, scope: str) -> AuthorizationCode:
    """A code of a new adult who signed in and agreed."""
    realm, name, password = provider.realm, f"load-{secrets.token_hex(8)}", secrets.token_urlsafe(24)
    create_account(realm, name, password)
    record_evidence(realm, name, date(1980, 1, 1), "in_person", Assurance.STANDARD)
    session = sign_in(realm, name, password).session
    return open_code(provider, _authorize(provider, client, session, scope))


def _authorize(provider: Provider, client: Client, session: Session, scope: str) -> str:
    request = UnverifiedRequest(
        (
            ("response_type", "code"),
            ("client_id", client.id),
            ("redirect_uri", REDIRECT_URI),
            ("scope", scope),
            ("state", secrets.token_urlsafe(16)),
            ("nonce", secrets.token_urlsafe(16)),
            ("code_challenge", challenge_of(secrets.token_urlsafe(32))),
            ("code_challenge_method", "S256"),
        )
    )
    checked = checks.check(provider, request, checks.locate(provider, request))
    answer = flow.decide(provider, begin(provider, checked, session), session, allow=True)
    code = dict(answer.parameters).get("code") if isinstance(answer, AuthorizationResponse) else None
    if code is None:
        raise Refused("no_code", "the authorization request of a load test was not granted")
    return code


def _codes(provider: Provider, templates: list[AuthorizationCode], count: int, valid_for: int) -> Iterator[str]:
    now = provider.now()
    for index in range(count):
        verifier = b64url_encode(secrets.token_bytes(32))
        code = replace(
            templates[index % len(templates)],
            id=new_id(now),
            nonce=secrets.token_urlsafe(16),
            code_challenge=challenge_of(verifier),
            expires_at=now + valid_for,
        )
        yield json.dumps({"code": seal_code(provider, code), "code_verifier": verifier})

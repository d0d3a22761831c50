"""`blindage client`: register, list, show, review, suspend, inspect; tokens for registrars."""

import json
from pathlib import Path
from typing import Any

import click

from idp.cli.terminal import as_json, opened_provider, say, show
from idp.domain.app_use import KEPT_DAYS
from idp.domain.client import OPERATOR, Category, Client, ClientState
from idp.domain.device_grant import GRANT_TYPE
from idp.domain.errors import Refused
from idp.domain.offer import AUTHORIZATION_CODE, REFRESH_TOKEN, Offer
from idp.domain.scope import format_scope, parse_scope
from idp.protocol.client_metadata import show_metadata
from idp.protocol.initial_access import InitialAccess, admit_registrar
from idp.services import clients
from idp.services.app_inspection import inspect_apps
from idp.services.client_review import review_client
from idp.services.outbox import waiting_messages


@click.group()
def client() -> None:
    """Apps that may sign people in."""


@client.command()
@click.option("--name", required=True, help="Shown to people.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Exact; may be given several times.")
@click.option("--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True)
@click.option("--auth-method", type=click.Choice(clients.AUTH_METHODS), default="client_secret_basic")
@click.option("--application-type", type=click.Choice(["web", "native"]), default="web", show_default=True)
@click.option("--sector-identifier-uri")
@click.option("--scope", default="openid age", show_default=True, help="What the app may ask for.")
@click.option("--jwks", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Public keys, a JWK Set.")
@click.option("--signing-alg", type=click.Choice(clients.SIGNING_ALGS), default="RS256", show_default=True)
@click.option("--default-max-age", type=int, help="Seconds after which a person signs in again.")
@click.option("--category", type=click.Choice([c.value for c in Category]), default="general", show_default=True)
@click.option("--thresholds", default="18", show_default=True, help="Ages it may test, comma-separated.")
@click.option("--require-pkce/--no-require-pkce", default=True, show_default=True)
@click.option("--dpop", is_flag=True, help="Access tokens are bound to a DPoP key.")
@click.option("--par", is_flag=True, help="Authorization requests must be pushed (RFC 9126).")
@click.option("--fapi", is_flag=True, help="FAPI 2.0 Security Profile: PAR, PKCE, private_key_jwt, DPoP.")
@click.option("--resource", "resources", multiple=True, help="A resource it may ask tokens for (RFC 8707).")
@click.option("--own-resource", "own_resources", multiple=True, help="A resource it serves and may introspect for.")
@click.option("--backchannel-logout-uri", help="Where logout tokens are posted.")
@click.option("--security-event-endpoint", help="Where security event tokens are pushed (RFC 8935).")
@click.option("--jwks-uri", help="Where its public keys are fetched.")
@click.option("--grant", "grant_types", multiple=True, type=click.Choice([*clients.GRANT_TYPES, "device_code"]))
@as_json
def register(as_json: bool, **given: Any) -> None:
    """Register an app; it is active at once. Its secret is printed here and never again."""
    with opened_provider() as provider:
        registered = clients.register_client(provider.realm, _draft(given, provider.realm.offer))
    say("client registered")
    show({"client_id": registered.client.id, "client_secret": registered.secret}, as_json)


@client.command("list")
@as_json
def list_clients(as_json: bool) -> None:
    """List registered apps."""
    with opened_provider() as provider:
        found = provider.realm.store.read(lambda tx: tx.clients.page("", 10_000))
    rows = [
        {
            "client_id": app.id,
            "name": app.name,
            "state": app.state.value,
            "sector": app.sector,
            "scope": format_scope(app.scope),
        }
        for app in found
    ]
    show(rows, as_json)


@client.command("show")
@click.argument("client_id")
@as_json
def show_client(client_id: str, as_json: bool) -> None:
    """Show what an app is registered with. Without secrets, but with the messages to it that are not delivered."""
    with opened_provider() as provider:
        app = provider.realm.store.read(lambda tx: tx.clients.get(client_id))
        if app is None:
            raise Refused("unknown_client", "no such client")
        waiting = waiting_messages(provider.realm, client_id)
    messages = [{"kind": one.kind.value, "tries": one.tries, "next_try_at": one.due_at} for one in waiting]
    show({**_whole(app), "undelivered_messages": messages}, as_json)


@client.command()
@click.argument("client_id")
@click.option("--owner", help="Who answers for it. Default: whom it belongs to already, else nobody but itself.")
@click.option("--version", type=int, help="The version that was looked at (`show` prints it); any other is refused.")
@as_json
def review(client_id: str, owner: str | None, version: int | None, as_json: bool) -> None:
    """Mark an app as reviewed. Everybody may sign in to it; its sector_identifier_uri is fetched and checked now."""
    with opened_provider() as provider:
        reviewed = review_client(provider.realm, provider.fetcher, client_id, owner, version)
    say(f"client is {reviewed.state.value}")
    show({"client_id": reviewed.id, "state": reviewed.state.value, "owner": reviewed.owner}, as_json)


@client.command()
@click.argument("client_id")
@as_json
def suspend(client_id: str, as_json: bool) -> None:
    """Suspend an app. Every node refuses it within five seconds."""
    with opened_provider() as provider:
        suspended = clients.set_client_state(provider.realm, client_id, ClientState.SUSPENDED)
    say(f"client is {suspended.state.value}")
    show({"client_id": suspended.id, "state": suspended.state.value}, as_json)


@client.command()
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, KEPT_DAYS), help="Today and before.")
@as_json
def inspect(days: int, as_json: bool) -> None:
    """Compare what apps asked for and are registered for. Counts, and no persons. A minute behind."""
    with opened_provider() as provider:
        found = inspect_apps(provider.realm, days)
    rows = [
        {
            "client_id": one.client.id,
            "name": one.client.name,
            "state": one.client.state.value,
            "category": one.client.category.value,
            "scope": format_scope(one.client.scope),
            "thresholds": ", ".join(map(str, one.client.thresholds)),
            **{use.value: count for use, count in one.counts.items()},
            "remarks": ", ".join(one.remarks) or None,
        }
        for one in found
    ]
    show(rows, as_json)


@client.command("initial-access-token")
@click.option("--registrar", default=OPERATOR, show_default=True, help="Who will own what is registered with it.")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 90), help="How long it is good for.")
@click.option("--no-require-pkce", is_flag=True, help="Confidential apps that do not mention PKCE need none.")
@as_json
def initial_access_token(registrar: str, days: int, no_require_pkce: bool, as_json: bool) -> None:
    """Make a token for a registrar. Apps registered with it at /register are active at once. It is shown only here."""
    with opened_provider() as provider:
        access = InitialAccess(registrar, provider.now() + days * 86400, not no_require_pkce)
        token = admit_registrar(provider, access)
    say(f"good for {days} days")
    show({"initial_access_token": token, "registrar": registrar, "expires_at": access.expires_at}, as_json)


def _whole(app: Client) -> dict[str, Any]:
    return {
        "client_id": app.id,
        "state": app.state.value,
        "version": app.version,
        "owner": app.owner,
        "sector": app.sector,
        "created_at": app.created_at,
        "reviewed_at": app.reviewed_at,
        "thresholds_changed_at": app.thresholds_changed_at,
        "resources": list(app.resources),
        "own_resources": list(app.own_resources),
        **show_metadata(app),
    }


def _draft(given: dict[str, Any], offer: Offer) -> Client:
    """A client as the options describe it; `register_client` checks it and fills in the rest."""
    grants = frozenset(GRANT_TYPE if grant == "device_code" else grant for grant in given["grant_types"])
    try:
        thresholds = tuple(int(age) for age in given["thresholds"].split(","))
        jwks = json.loads(given["jwks"].read_text("utf-8")) if given["jwks"] else None
    except ValueError as error:
        raise click.UsageError(f"--thresholds takes numbers, --jwks a JSON file: {error}") from error
    return Client(
        id="",
        name=given["name"],
        state=ClientState.ACTIVE,
        created_at=0,
        redirect_uris=given["redirect_uris"],
        sector="",
        post_logout_redirect_uris=given["post_logout_redirect_uris"],
        token_endpoint_auth_method=given["auth_method"],
        application_type=given["application_type"],
        sector_identifier_uri=given["sector_identifier_uri"],
        scope=parse_scope(given["scope"]),
        grant_types=grants or frozenset({AUTHORIZATION_CODE, REFRESH_TOKEN}) & frozenset(offer.grant_types),
        id_token_signed_response_alg=given["signing_alg"],
        jwks=jwks,
        default_max_age=given["default_max_age"],
        category=Category(given["category"]),
        thresholds=thresholds,
        require_pkce=given["require_pkce"],
        dpop_bound_access_tokens=given["dpop"] or given["fapi"],
        require_pushed_authorization_requests=given["par"] or given["fapi"],
        fapi=given["fapi"],
        resources=given["resources"],
        own_resources=given["own_resources"],
        backchannel_logout_uri=given["backchannel_logout_uri"],
        backchannel_logout_session_required=given["backchannel_logout_uri"] is not None,
        security_event_endpoint=given["security_event_endpoint"],
        jwks_uri=given["jwks_uri"],
    )

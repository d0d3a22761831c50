"""`/ops/apps`: apps and what they declare; review and suspension."""

from flask import Response, url_for

from idp.domain.client import Client, ClientState
from idp.domain.errors import Refused
from idp.domain.scope import format_scope
from idp.protocol.errors import InvalidRequest
from idp.services.client_review import review_client
from idp.services.clients import set_client_state
from idp.services.staff_sign_in import OnDuty
from idp.web.answer import page, see_other
from idp.web.app_card import app_card
from idp.web.errors import PageError
from idp.web.moment import day
from idp.web.site import Visit

_PAGE = 25


def show(visit: Visit, duty: OnDuty) -> Response:
    """The apps in one state, those that wait for review unless another is asked for."""
    try:
        state = ClientState(visit.query.get("state") or ClientState.PENDING.value)
    except ValueError as error:
        raise InvalidRequest("there is no such state") from error
    after = _id(visit.query.get("after") or "")
    found = visit.realm.store.read(lambda tx: tx.clients.in_state(state, after, _PAGE + 1))
    shown = found[:_PAGE]
    return page(
        "ops/apps.html",
        state=state.value,
        states=[one.value for one in ClientState],
        apps=[{"id": one.id, "card": app_card(one), "since": day(visit, one.created_at)} for one in shown],
        more=shown[-1].id if len(found) > _PAGE else None,
    )


def show_one(visit: Visit, duty: OnDuty) -> Response:
    """One app with all it declares."""
    return _one(visit, visit.need(visit.query, "client"), done=visit.query.get("done"))


def review(visit: Visit, duty: OnDuty) -> Response:
    """Let everybody sign in to the app, as it was looked at. Its sector_identifier_uri is fetched and checked now."""
    client_id, version = visit.need(visit.form, "client"), visit.need(visit.form, "version")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise InvalidRequest("version is malformed")
    try:
        review_client(
            visit.realm, visit.provider.fetcher, _id(client_id), version=int(version), by=duty.member.id
        )
    except Refused as refused:
        return _one(visit, client_id, problem=refused.reason, detail=str(refused), status=400)
    return see_other(url_for("ops.app", client=client_id, done="reviewed"))


def suspend(visit: Visit, duty: OnDuty) -> Response:
    """Refuse the app everywhere, within five seconds."""
    client_id = visit.need(visit.form, "client")
    try:
        set_client_state(visit.realm, _id(client_id), ClientState.SUSPENDED, by=duty.member.id)
    except Refused as refused:
        raise PageError("not_found", 404) from refused
    return see_other(url_for("ops.app", client=client_id, done="suspended"))


def _one(
    visit: Visit,
    client_id: str,
    problem: str | None = None,
    detail: str | None = None,
    done: str | None = None,
    status: int = 200,
) -> Response:
    client = visit.realm.store.read(lambda tx: tx.clients.current(_id(client_id)))
    if client is None:
        raise PageError("not_found", 404)
    return page(
        "ops/app.html",
        status,
        client=client,
        card=app_card(client),
        scope=format_scope(client.scope),
        since=day(visit, client.created_at),
        reviewed=day(visit, client.reviewed_at) if client.reviewed_at is not None else None,
        addresses=_addresses(client),
        problem=problem,
        detail=detail,
        done=done,
        here=url_for("ops.app", client=client.id),
    )


def _addresses(client: Client) -> list[tuple[str, str]]:
    """Every address an app names, by the name of its member (RFC 7591, section 2); as text, never as a link."""
    single = (
        "sector_identifier_uri", "jwks_uri", "backchannel_logout_uri", "security_event_endpoint",
        "client_uri", "logo_uri", "policy_uri", "tos_uri",
    )  # fmt: skip
    found = [("redirect_uris", uri) for uri in client.redirect_uris]
    found += [("post_logout_redirect_uris", uri) for uri in client.post_logout_redirect_uris]
    return found + [(name, value) for name in single if (value := getattr(client, name)) is not None]


def _id(text: str) -> str:
    """A client id as it may be asked for in a database (RFC 6749, appendix A.1); PageError 404 for other text."""
    if not (text.isascii() and (text.isprintable() or not text)):
        raise PageError("not_found", 404)
    return text

"""Refusals on pages: every error becomes a page with a plain sentence, never a stack, never a word of the request."""

import logging
import secrets
from dataclasses import dataclass

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from idp.domain.errors import Conflict, Refused, Unavailable
from idp.protocol.authorization.pending import PendingExpired
from idp.protocol.errors import PayloadTooLarge, ProtocolError, UnknownClient, UnprovenRedirectUri
from idp.web.answer import page

RETRY_AFTER_SECONDS = 5
_log = logging.getLogger("blindage.pages")


@dataclass
class PageError(Exception):
    """A refusal of the pages themselves; `kind` names its sentence in `error.html`."""

    kind: str
    status: int
    retry_after: int | None = None


def error_page(
    kind: str, status: int, detail: str = "", retry_after: int | None = None, reference: str = ""
) -> Response:
    """The page of a refusal. `detail` is a fixed sentence for the app's developer; `retry_after` seconds."""
    response = page("error.html", status, kind=kind, detail=detail, reference=reference)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def report_unexpected(error: Exception) -> str:
    """Log what nobody foresaw, by kind and place only (a message may hold values), and return its reference number."""
    reference = secrets.token_hex(8)
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else "?"
    _log.error("unexpected", extra={"reference": reference, "kind": type(error).__name__, "where": where})
    return reference


def register_error_pages(app: Flask) -> None:
    """Answer every exception of a page with a page; the most particular handler wins."""

    @app.errorhandler(PageError)
    def _refused_by_page(error: PageError) -> Response:
        return error_page(error.kind, error.status, retry_after=error.retry_after)

    @app.errorhandler(ProtocolError)
    def _refused_by_protocol(error: ProtocolError) -> Response:
        kinds: tuple[tuple[type[ProtocolError], str], ...] = (
            (PendingExpired, "expired"),
            (UnknownClient, "unknown_app"),
            (UnprovenRedirectUri, "unknown_app"),
            (PayloadTooLarge, "too_large"),
        )
        kind = next((kind for type_, kind in kinds if isinstance(error, type_)), "bad_request")
        return error_page(kind, error.status_code, detail=error.text)

    @app.errorhandler(Unavailable)
    def _unavailable(error: Unavailable) -> Response:
        _log.warning("unavailable", extra={"reason": error.reason})
        return error_page("unavailable", 503, retry_after=RETRY_AFTER_SECONDS)

    @app.errorhandler(Conflict)
    def _conflict(error: Conflict) -> Response:
        # Two requests of one person met; the other one has won, and trying again finds its result.
        _log.warning("conflict", extra={"reason": error.reason})
        return error_page("unavailable", 503, retry_after=RETRY_AFTER_SECONDS)

    @app.errorhandler(Refused)
    def _refused(error: Refused) -> Response:
        return error_page("bad_request", 400)

    @app.errorhandler(HTTPException)
    def _refused_by_framework(error: HTTPException) -> Response:
        kinds = {404: "not_found", 405: "not_allowed", 413: "too_large"}
        status = error.code or 500
        response = error_page(kinds.get(status, "bad_request"), status)
        if status == 405:
            response.headers["Allow"] = dict(error.get_headers()).get("Allow", "GET")
        return response

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        return error_page("unexpected", 500, reference=report_unexpected(error))

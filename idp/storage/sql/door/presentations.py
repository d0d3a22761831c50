"""Presentations: a token is spent and its request answered in one transaction, each once."""

from sqlalchemy import bindparam as param
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.errors import Refused
from idp.domain.presentation import Presentation
from idp.storage.sql.door.tables import answered_requests, spent_tokens
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import RingColumn
from idp.storage.sql.statement import Statement

_SPEND = Statement(
    insert_new(spent_tokens).values(digest=param("digest"), expires_at=param("expires_at")).on_conflict_do_nothing(),
    "digest", "expires_at",
)
_COLUMNS = ("request", "token", "sealed", "expires_at")
_ANSWER = Statement(
    insert_new(answered_requests).values({name: param(name) for name in _COLUMNS}).on_conflict_do_nothing(), *_COLUMNS
)
_ANSWERED = Statement(
    select(answered_requests.c.token, answered_requests.c.sealed)
    .where(answered_requests.c.request == param("request")),
    "request",
)


class SqlPresentations:
    """Implements `idp.domain.ports.Presentations`."""

    def __init__(self, run: Runner, codes: RingColumn) -> None:
        self._run = run
        self._codes = codes

    def claim(self, presentation: Presentation) -> str:
        request, token = presentation.request, presentation.token
        if self._run.change(_SPEND, token, presentation.token_expires_at) != 1:
            return self._same_again(request, token)
        sealed = self._codes.seal(request, presentation.code.encode())
        if self._run.change(_ANSWER, request, token, sealed, presentation.request_expires_at) != 1:
            # Raised, so that the transaction takes the spending back.
            raise Refused("request_answered", "another token has answered this request")
        return presentation.code

    def _same_again(self, request: bytes, token: bytes) -> str:
        """The code of a lost answer; Refused when the token was spent on another request."""
        row = self._run.one(_ANSWERED, request)
        if row is None or bytes(row[0]) != token:
            raise Refused("token_spent", "the token has been spent")
        return self._codes.open(request, row[1]).decode()

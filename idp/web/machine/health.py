"""`/healthz`, `/readyz` and `/metrics`: for balancers and monitoring, not for the public."""

import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from idp.domain.clock import SKEW_SECONDS
from idp.domain.ports import Store
from idp.protocol.errors import InvalidToken
from idp.protocol.message import NO_STORE, Request, Response
from idp.web.metrics import Metrics

TEXT = "text/plain; charset=utf-8"
DIRECT_LOOPBACK = "direct-loopback"


@dataclass(frozen=True, slots=True)
class Health:
    """Liveness and readiness. `draining` tells that the server is about to stop, `able` that it has all it needs.

    `now`: this node's time in epoch seconds.
    """

    store: Store
    draining: Callable[[], bool]
    now: Callable[[], int]
    able: Callable[[], bool] = lambda: True

    def live(self, request: Request) -> Response:
        """200 as long as the process answers."""
        return Response(200, b"ok\n", TEXT)

    def ready(self, request: Request) -> Response:
        """200 when requests can be served, else 503: the database answers, clocks agree, nothing is missing, no stop is
        under way.
        """
        if self.draining():
            return Response(503, b"draining\n", TEXT, (*NO_STORE, ("Retry-After", "1")))
        database_time = self.store.ping()
        if database_time is not None and abs(self.now() - database_time) > SKEW_SECONDS:
            # Another node would take this one's codes for expired, or the other way round (threats F11).
            return Response(503, b"clock\n", TEXT, (*NO_STORE, ("Retry-After", "1")))
        if not self.able():
            return Response(503, b"waiting\n", TEXT, (*NO_STORE, ("Retry-After", "1")))
        return Response(200, b"ready\n", TEXT)


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The figures, for whoever sits on this machine or shows the token of the token file."""

    metrics: Metrics
    token: str | None

    def answer(self, request: Request) -> Response:
        """The page, or 401."""
        shown = (request.authorization or "").removeprefix("Bearer ")
        entitled = self.token is not None and hmac.compare_digest(shown.encode(), self.token.encode())
        if not entitled and request.peer != DIRECT_LOOPBACK:
            raise InvalidToken("metrics are for this machine or for holders of the metrics token")
        body, content_type = self.metrics.page()
        return Response(200, body, content_type)


def is_direct_loopback(address: str, forwarded: bool) -> bool:
    """Whether a request comes from this machine itself and not through a proxy on it."""
    try:
        return ipaddress.ip_address(address).is_loopback and not forwarded
    except ValueError:
        return False

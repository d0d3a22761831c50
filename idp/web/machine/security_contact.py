"""`/.well-known/security.txt`: where to report a weakness (RFC 9116)."""

from collections.abc import Callable
from datetime import UTC, datetime

from idp.protocol.errors import MethodNotAllowed
from idp.protocol.message import Request, Response
from idp.web.locale import LANGUAGES
from idp.web.machine.edge import Route

PATH = "/.well-known/security.txt"
EXPIRES_DAYS = 180
"""RFC 9116, section 2.5.5, wants less than a year: what nobody serves any more must not look current for long."""

_DAY = 86_400
_CACHE_SECONDS = 3_600


def security_contact_table(contact: str, origin: str, now: Callable[[], int]) -> dict[str, Route]:
    """The path and who answers it. `contact` a URI; `origin` scheme and host of the issuer; `now` epoch seconds."""

    def answer(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET, HEAD")
        # Whole days, so that the file changes once a day and not with each look.
        expires = datetime.fromtimestamp((now() // _DAY + EXPIRES_DAYS) * _DAY, UTC)
        lines = (
            f"Contact: {contact}",
            f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
            f"Canonical: {origin}{PATH}",
            f"Preferred-Languages: {', '.join(LANGUAGES)}",
        )
        headers = (("Cache-Control", f"public, max-age={_CACHE_SECONDS}"),)
        return Response(200, "".join(f"{line}\r\n" for line in lines).encode(), "text/plain; charset=utf-8", headers)

    return {PATH: Route("security_txt", answer)}

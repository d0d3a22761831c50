"""The wallet as the door serves it: static, the same bytes and headers for everyone, without validators."""

from collections.abc import Callable, Mapping
from pathlib import PurePath

import orjson

from idp.protocol.door.door import Door
from idp.protocol.errors import MethodNotAllowed
from idp.protocol.message import JSON, Request, Response
from idp.web.machine.edge import Route
from idp.web.security_headers import PAGE_HEADERS, wallet_policy
from idp.web.wallet_files import MEDIA_TYPES, PAGE
from idp.web.wallet_page import WalletPage

PATH = "/wallet"
CONFIG = PATH + "/config.json"

# No ETag and no date: a validator could be given to one browser alone. So every visit fetches anew.
_UNSTORED = (("Cache-Control", "no-store"),)
_SHARED = (("Cross-Origin-Resource-Policy", "same-origin"), ("Referrer-Policy", "no-referrer"))


def wallet_table(door: Door, page: WalletPage, files: Mapping[str, bytes], config: bytes) -> dict[str, Route]:
    """The page, its files one segment below it, and the door's public configuration."""
    # A request may have waited in the tab while tokens were fetched, and its answer may go by a form, to any app.
    schemes = ("https:", "http:") if door.provider.realm.loopback else ("https:",)
    policy = ("Content-Security-Policy", wallet_policy(door.account_issuer, schemes))
    served = {name: content for name, content in files.items() if name != PAGE}

    def file(request: Request) -> Response:
        name = request.path.rpartition("/")[2]
        content = served.get(name)
        if content is None:
            return Response(404, b"There is no such file.\n", "text/plain", _UNSTORED)
        return Response(200, content, MEDIA_TYPES[PurePath(name).suffix], (*_UNSTORED, *_SHARED))

    html = Response(200, page.static, MEDIA_TYPES[".html"], (*_UNSTORED, *PAGE_HEADERS, policy))
    settings = Response(200, config, JSON, (*_UNSTORED, *_SHARED))
    return {
        PATH: Route("wallet", _got(lambda _: html)),
        PATH + "/": Route("wallet_file", _got(file)),
        CONFIG: Route("wallet_config", _got(lambda _: settings)),
    }


def wallet_config(door: Door, client_id: str, batch: int) -> bytes:
    """What a wallet has to know of this door: whom to believe, where to fetch tokens and how many."""
    issuer, trust = door.provider.issuer, door.trust
    return orjson.dumps(
        {
            "door": issuer,
            "account_issuer": door.account_issuer,
            "log": {"origin": trust.log.name, "verifier_key": trust.log.to_text()},
            "witnesses": [witness.to_text() for witness in trust.witnesses],
            "minimum_witness_hours": trust.hours,
            "client_id": client_id,
            "redirect_uri": issuer + PATH,
            "batch": batch,
            "demo": not trust.witnesses,
        }
    )


def _got(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET, HEAD")
        return answer(request)

    return endpoint

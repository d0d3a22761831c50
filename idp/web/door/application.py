"""The pages of the door as a WSGI application."""

from functools import partial

from flask import Flask, Response

from idp.protocol.door.door import Door
from idp.web.answer import see_other
from idp.web.door import authorize, sign_out
from idp.web.guard import Guard
from idp.web.machine.wallet import PATH as WALLET
from idp.web.page import Page
from idp.web.pages.application import build_pages
from idp.web.rate_limit import RateLimits
from idp.web.site import Site, Visit
from idp.web.wallet_page import WalletPage


def create_door_pages(door: Door, wallet: WalletPage, limits: RateLimits | None = None) -> Flask:
    """Everything people see here beside the wallet itself. `limits` count failed tries by address."""
    limits = limits or RateLimits(door.provider.realm.clock, None, enabled=False)
    entries = (
        Page("/", "home", home),
        # Apps may send their request by a form (OIDC Core, 3.1.2.1): it changes nothing and needs no token.
        Page("/authorize", "authorize", partial(authorize.ask, door, wallet), ("GET", "POST"), Guard.NOTHING),
        Page("/logout", "sign_out", partial(sign_out.ask, door), ("GET", "POST"), Guard.NOTHING),
    )
    return build_pages(Site(door.provider, limits, at_door=True), entries)


def home(visit: Visit) -> Response:
    """To the wallet, which is all there is to see."""
    return see_other(visit.provider.issuer + WALLET)

"""What all pages of one issuer share, and one request's visitor."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from flask import Request, g

from idp.domain.session import Session, session_id
from idp.protocol.errors import InvalidRequest
from idp.protocol.provider import Provider
from idp.services.passkeys import relying_party_id
from idp.services.realm import Realm
from idp.services.sign_in import current_session
from idp.services.staff_sign_in import OnDuty, on_duty
from idp.web import locale
from idp.web.cookies import Cookies, new_secret, read_secret
from idp.web.csrf import FormTokens
from idp.web.fields import Fields, read_query
from idp.web.rate_limit import RateLimits

_DEFAULT_PORTS = {"https": ":443", "http": ":80"}


@dataclass(frozen=True)
class Site:
    """The pages of one issuer. `limits` count failed tries by address.

    `at_door`: nobody is signed in here, and no cookie outlives a request.
    """

    provider: Provider
    limits: RateLimits
    at_door: bool = False

    @cached_property
    def cookies(self) -> Cookies:
        """Cookie names and attributes."""
        return Cookies(secure=self.provider.issuer.startswith("https://"))

    @cached_property
    def origin(self) -> str:
        """The issuer's origin as browsers write it in an `Origin` header (RFC 6454, section 6.2)."""
        parts = urlsplit(self.provider.issuer)
        return f"{parts.scheme}://{parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])}"

    @cached_property
    def offers_passkeys(self) -> bool:
        """Whether browsers make passkeys for this issuer: not where its host is an address."""
        return relying_party_id(self.provider.issuer) is not None

    def serves(self, host: str | None) -> bool:
        """Whether a `Host` header names this issuer, whose address is configuration and never guessed (threats A34)."""
        scheme, _, own = self.origin.partition("://")
        return host is not None and host.lower().removesuffix(_DEFAULT_PORTS[scheme]) == own


@dataclass
class Visit:
    """One request: the browser that sends it, who is signed in there, and what the answer's headers must allow.

    `ui_locales` are the app's wishes for a language; `form_targets` CSP sources where this page's form may end;
    `script` the one inline script the page may run, `modules` whether it runs our files; `policy` a page's own CSP in
    place of the usual one; `form` the posted fields once the guard let them through.
    """

    site: Site
    request: Request
    ui_locales: tuple[str, ...] = ()
    form_targets: tuple[str, ...] = ()
    script: str | None = None
    modules: bool = False
    policy: str | None = None
    form: Fields = field(default_factory=Fields)

    @property
    def provider(self) -> Provider:
        """The OpenID provider behind the pages."""
        return self.site.provider

    @property
    def realm(self) -> Realm:
        """The provider's realm, which services work in."""
        return self.site.provider.realm

    @property
    def peer(self) -> str:
        """The address limits count by; the WSGI application puts it here, behind proxies too."""
        peer: str = self.environ.get("blindage.peer") or ""
        return peer

    @property
    def environ(self) -> dict[str, Any]:
        """The WSGI environment."""
        return self.request.environ

    @cached_property
    def query(self) -> Fields:
        """The fields of the query."""
        return read_query(self.environ)

    @cached_property
    def sent_browser(self) -> bytes | None:
        """The browser cookie as it came, None when there was none."""
        return read_secret(self.request.cookies, self.site.cookies.browser)

    @cached_property
    def browser(self) -> bytes:
        """The value of the browser cookie; a new one, set with the answer, when none came."""
        return self.sent_browser or new_secret()

    @property
    def needs_browser_cookie(self) -> bool:
        """Whether the answer is bound to a browser that has no cookie yet; error pages bind nothing and set none."""
        return self.sent_browser is None and "browser" in self.__dict__

    @cached_property
    def session_secret(self) -> bytes | None:
        """The secret of the session cookie, whatever became of the session."""
        return read_secret(self.request.cookies, self.site.cookies.session)

    @property
    def session_id(self) -> bytes | None:
        """The stored name of the cookie's session, whatever became of it."""
        return None if self.session_secret is None else session_id(self.session_secret)

    @cached_property
    def session(self) -> Session | None:
        """The live session of this browser, or None."""
        return current_session(self.realm, self.session_secret)

    @cached_property
    def staff_secret(self) -> bytes | None:
        """The secret of the staff cookie, whatever became of the session."""
        return read_secret(self.request.cookies, self.site.cookies.staff)

    @cached_property
    def duty(self) -> OnDuty | None:
        """The member of staff of this browser, with a whole or a half session, or None."""
        return on_duty(self.realm, self.staff_secret)

    @property
    def staff_form_tokens(self) -> FormTokens:
        """Makes and checks the form tokens of /ops: bound to the staff session, and no person's count there."""
        session = b"" if self.staff_secret is None else session_id(self.staff_secret)
        return FormTokens(self.realm.ring, self.browser, b"staff" + session)

    @property
    def cookies_withheld(self) -> bool:
        """Whether the browser kept our cookies back because another site posts (RFC 6265bis, SameSite=Lax).

        Then who is signed in is not known; the same question asked by GET brings the cookies.
        """
        nothing_sent = self.sent_browser is None and self.session_secret is None
        return nothing_sent and self.request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")

    @property
    def form_tokens(self) -> FormTokens:
        """Makes and checks this browser's form tokens.

        The session counts by its cookie, dead or alive: a form left open until the session ended leads to sign-in.
        """
        return FormTokens(self.realm.ring, self.browser, self.session_id or b"")

    @cached_property
    def chosen_language(self) -> str | None:
        """The language of the switch on this very request (`?lang=`), or None."""
        values = self.query.values("lang")
        return values[0] if len(values) == 1 and values[0] in locale.LANGUAGES else None

    @property
    def language(self) -> str:
        """The language of the answer."""
        cookie = self.request.cookies.get(self.site.cookies.language)
        return locale.choose(
            (self.chosen_language,) if self.chosen_language else (),
            self.ui_locales,
            (cookie,) if cookie else (),
            self.request.accept_languages.values(),
        )

    def need(self, fields: Fields, name: str) -> str:
        """A field that must be there; InvalidRequest when it is not."""
        value = fields.get(name)
        if value is None:
            raise InvalidRequest(f"{name} is missing")
        return value


def this_visit() -> Visit:
    """The visit of the request being answered; application sets it before anything else."""
    visit: Visit = g.visit
    return visit

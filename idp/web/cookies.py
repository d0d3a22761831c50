"""The cookies of a browser: its own secret, the session's secret, the language somebody chose; staff have one more.

The door sets none of them, but one for each request that waits for a token; it dies with the request.

On https their names begin with `__Host-` (RFC 6265bis, section 4.1.3.2): no other host, port or path can set them. On
an http loopback issuer browsers would refuse that prefix and `Secure`, so both are left out there.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.wrappers import Response

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import EncodingError

SECRET_BYTES = 32
LANGUAGE_SECONDS = 365 * 86400


@dataclass(frozen=True, slots=True)
class Cookies:
    """Names and attributes for one issuer; `secure` says whether it is on https."""

    secure: bool

    @property
    def browser(self) -> str:
        """Random, belongs to the browser alone: pending requests and form tokens are bound to it."""
        return self._name("browser")

    @property
    def session(self) -> str:
        """The secret of a signed-in session."""
        return self._name("session")

    @property
    def staff(self) -> str:
        """The secret of a session of staff, apart from any person's."""
        return self._name("staff")

    @property
    def language(self) -> str:
        """The language somebody chose with the switch."""
        return self._name("language")

    @property
    def request(self) -> str:
        """Random, belongs to one request at the door."""
        return self._name("request")

    def request_header(self, value: bytes | None, max_age: int) -> tuple[str, str]:
        """The header that sets the request's cookie for `max_age` seconds, or takes it away (None).

        Strict: the wallet posts it from a page of the door's own, and nobody else has a reason to.
        """
        text = "" if value is None else b64url_encode(value)
        secure = "; Secure" if self.secure else ""
        kept = max_age if value is not None else 0
        return "Set-Cookie", f"{self.request}={text}; Max-Age={kept}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def set_secret(self, response: Response, name: str, value: bytes) -> None:
        """Set `browser` or `session`; without an expiry, so that it ends with the browser (shared computers)."""
        self._set(response, name, b64url_encode(value), None)

    def set_language(self, response: Response, tag: str) -> None:
        """Remember a language for a year."""
        self._set(response, self.language, tag, LANGUAGE_SECONDS)

    def clear_session(self, response: Response) -> None:
        """Take the session's secret from the browser."""
        response.delete_cookie(self.session, path="/", secure=self.secure, httponly=True, samesite="Lax")

    def set_staff(self, response: Response, value: bytes) -> None:
        """Set the staff session. Strict: nobody is sent to /ops from elsewhere."""
        response.set_cookie(
            self.staff, b64url_encode(value), path="/", secure=self.secure, httponly=True, samesite="Strict"
        )

    def clear_staff(self, response: Response) -> None:
        """Take the staff session's secret from the browser."""
        response.delete_cookie(self.staff, path="/", secure=self.secure, httponly=True, samesite="Strict")

    def _set(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        # Lax, not Strict: an app's redirect to /authorize must find the person signed in.
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self.secure, httponly=True, samesite="Lax"
        )

    def _name(self, word: str) -> str:
        return f"__Host-blindage_{word}" if self.secure else f"blindage_{word}"


def read_header(header: str, name: str) -> bytes | None:
    """As `read_secret`, from a Cookie header (RFC 6265, section 5.4)."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return read_secret({key: value for key, _, value in pairs}, name)


def new_secret() -> bytes:
    """A fresh cookie value: 32 random bytes."""
    return secrets.token_bytes(SECRET_BYTES)


def read_secret(cookies: Mapping[str, str], name: str) -> bytes | None:
    """The 32 bytes of a cookie, or None when it is missing or not of our making."""
    try:
        value = b64url_decode(cookies.get(name, ""))
    except EncodingError:
        return None
    return value if len(value) == SECRET_BYTES else None

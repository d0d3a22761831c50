"""Everything an app receives, taken apart into the values it can compare with another app (conformance row 114)."""

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.test import TestResponse

LONGEST_COMMON = 8
"""Bytes that two apps may have in common by chance; a value longer than that would join them."""

_TIME = 10**9
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{16,}\Z")


@dataclass
class Received:
    """What one app was sent: by the browser, in bodies, in headers; moments (epoch seconds) apart in `times`."""

    values: list[bytes] = field(default_factory=list)
    times: set[int] = field(default_factory=set)

    def redirect(self, location: str) -> None:
        """A redirect that brought the browser to the app."""
        parts = urlsplit(location)
        for name, value in (*parse_qsl(parts.query), *parse_qsl(parts.fragment)):
            self._add(name)
            self._add(value)

    def answer(self, response: TestResponse) -> TestResponse:
        """An answer to a request of the app; returned as it was."""
        for name, value in response.headers:
            self._add(name)
            self._add(value)
        if response.data and response.content_type == "application/json":
            self._add_json(json.loads(response.data))
        else:
            self._add(response.text)
        return response

    def windows(self) -> set[bytes]:
        """Every run of nine bytes of every value."""
        size = LONGEST_COMMON + 1
        return {value[i : i + size] for value in self.values for i in range(len(value) - size + 1)}

    def holds(self, secret: bytes) -> bool:
        """Whether a value stands anywhere in what was received, raw or decoded."""
        return any(secret in value for value in self.values)

    def _add_json(self, value: Any) -> None:
        if isinstance(value, dict):
            for name, member in value.items():
                self._add(name)
                self._add_json(member)
        elif isinstance(value, list):
            for member in value:
                self._add_json(member)
        elif isinstance(value, str):
            self._add(value)
        elif isinstance(value, int) and value > _TIME:
            # Times are compared as times: nine of ten digits of an epoch second are ten seconds.
            self.times.add(value)
        else:
            self._add(json.dumps(value))

    def _add(self, text: str) -> None:
        parts = text.split(".")
        decoded = [_decoded(part) for part in parts]
        # Of a JWT only what it says counts: its text spells what all of them say in each one's own way.
        if len(parts) != 3 or not isinstance(decoded[0], dict):
            self.values.append(text.encode())
        for part in decoded:
            if isinstance(part, bytes):
                self.values.append(part)
            elif part is not None:
                self._add_json(part)


def _decoded(part: str) -> dict[str, Any] | bytes | None:
    """A JSON object or the bytes behind a base64url value; None for any other text."""
    if not _BASE64URL.match(part) or len(part) % 4 == 1:
        return None
    raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    try:
        value = json.loads(raw)
    except ValueError:
        return raw
    return value if isinstance(value, dict) else raw


def in_common(one: Received, two: Received, *public: Received) -> set[bytes]:
    """Runs of nine bytes that two apps share and that everybody else's apps do not receive as well."""
    shared = one.windows() & two.windows()
    for other in public:
        shared -= other.windows()
    return shared

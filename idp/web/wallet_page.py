"""The wallet's page: the same bytes for everyone, or with an app's request in the one place that is left for it."""

from collections.abc import Mapping
from typing import Any

import orjson

from idp.web.wallet_files import PAGE

# What the page holds where no app waits; written by hand in `index.html`, and looked for here byte by byte.
_EMPTY = b'<script type="application/json" id="presentation">null</script>'
_FRONT, _BACK = b'<script type="application/json" id="presentation">', b"</script>"


class WalletPage:
    """The page of the installed wallet."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """ValueError when the page has no place, or more than one, for a request."""
        self.static = files[PAGE]
        if self.static.count(_EMPTY) != 1:
            raise ValueError("the wallet's page has not one place for a request")
        self._head, self._tail = self.static.split(_EMPTY)

    def with_request(self, presentation: Mapping[str, Any]) -> bytes:
        """The page with a request in it, as data that no browser runs (HTML, section 4.12.1.3)."""
        return self._head + _FRONT + _inert(orjson.dumps(presentation)) + _BACK + self._tail


def _inert(text: bytes) -> bytes:
    """JSON that cannot end the element it stands in: the three signs that mean something there, escaped."""
    return text.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")

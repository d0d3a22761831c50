"""One line of a path table of pages."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response

from idp.web.guard import Guard
from idp.web.site import Visit


@dataclass(frozen=True, slots=True)
class Page:
    """A path, the name it is linked by, who answers it, and for a POST what it must prove."""

    path: str
    endpoint: str
    view: Callable[[Visit], Response]
    methods: tuple[str, ...] = ("GET",)
    guard: Guard = Guard.SESSION

"""Chromium in front of a running demo: a fresh browser profile for each test, and nothing leaves the machine."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.journeys.running_demo import RunningDemo, running_demo
from tests.journeys.visitor import Visitor
from tests.need import need

NewVisitor = Callable[..., Visitor]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """One demo for each test process."""
    need("chromium")
    with running_demo(tmp_path_factory.mktemp("journeys") / "demo") as running:
        yield running


@pytest.fixture
def new_visitor(demo: RunningDemo, chromium: Browser, screenshots_dir: Path) -> Iterator[NewVisitor]:
    """Makes a person with a fresh browser; in the end each one's network log is looked through."""
    visitors: list[Visitor] = []

    def make(language: str = "en", width: int = 1280, dark: bool = False, scripts: bool = True) -> Visitor:
        context = chromium.new_context(
            locale={"en": "en-GB", "zh": "zh-CN"}[language],
            viewport={"width": width, "height": 800 if width > 600 else 640},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        context.set_default_timeout(15_000)
        visitors.append(Visitor(demo, context, screenshots_dir, language, width, dark))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.withdraw_consents()
        visitor.context.close()
    for visitor in visitors:
        visitor.assert_stayed_at_home()

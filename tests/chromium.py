"""The system's Chromium for tests: one for each test process (Playwright's synchronous interface allows no second)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, expect, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A name that is not this machine's cannot even be looked up.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost",
)
# Long enough for a busy machine: it is waited in full only where a test fails.
WAIT_MS = 30_000


@contextmanager
def running_chromium(executable: Path) -> Iterator[Browser]:
    """Without a window; every test opens contexts of its own."""
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(executable), args=list(ARGUMENTS))
        yield browser
        browser.close()


def follow(control: Locator) -> None:
    """Click what leads to another page; that page is loaded when this returns.

    A click by itself waits for no page, and neither do `count`, `all`, `content`, `title` and `evaluate`: right after
    it they see the page before, or a page that has an address and nothing in it yet.
    """
    with control.page.expect_navigation():
        control.click()

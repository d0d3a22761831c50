"""The system's Firefox for tests, over Marionette: JSON behind its length, spoken by Firefox itself.

Commands are those of WebDriver (`WebDriver:Navigate` ...). Debian has no geckodriver, and Playwright drives no Firefox
but its own.
"""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.server_process import free_port

_START_SECONDS = 60.0
_WAIT_SECONDS = 30.0
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_PREFERENCES: dict[str, Any] = {
    # What is not this machine goes to a port where nobody listens; loopback is never sent to a proxy.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
}


class FirefoxError(Exception):
    """A command failed; the text is Firefox's."""


class Firefox:
    """One browser with one tab and a fresh profile."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._file, self._last = connection, connection.makefile("rb"), 0
        self._changed: set[str] = set()
        self._receive()
        self.command("WebDriver:NewSession", capabilities={})
        self.command("WebDriver:SetTimeouts", script=60_000, pageLoad=30_000, implicit=0)

    def command(self, name: str, **parameters: Any) -> Any:
        """One command and what it returns; FirefoxError when it fails."""
        self._last += 1
        message = json.dumps([0, self._last, name, parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(message), message))
        kind, number, error, result = self._receive()
        assert (kind, number) == (1, self._last)
        if error is not None:
            raise FirefoxError(f"{error['error']}: {error['message']}")
        return result.get("value") if isinstance(result, dict) and set(result) == {"value"} else result

    def open(self, url: str) -> None:
        """Go to an address."""
        self.command("WebDriver:Navigate", url=url)

    @property
    def url(self) -> str:
        """Where the tab is."""
        return str(self.command("WebDriver:GetCurrentURL"))

    def run(self, body: str, *arguments: Any) -> Any:
        """Run the body of an async function in the page; `arguments` are its own."""
        script = (
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {body} }})(...[...arguments].slice(0, -1))"
            ".then((value) => done({ value }), (error) => done({ error: `${error.name}: ${error.message}` }));"
        )
        answer = self.command("WebDriver:ExecuteAsyncScript", script=script, args=list(arguments))
        if answer is None:
            # The page went away in the middle of it.
            raise FirefoxError("another page is being loaded")
        if "error" in answer:
            raise FirefoxError(answer["error"])
        return answer.get("value")

    def wait(self, condition: str, *arguments: Any) -> Any:
        """Wait until an expression holds in the page, through loads of other pages; its value."""
        deadline = time.monotonic() + _WAIT_SECONDS
        said: object = None
        while time.monotonic() < deadline:
            try:
                said = self.run(f"return {condition}", *arguments)
                if said:
                    return said
            except FirefoxError as error:
                said = error
            time.sleep(0.05)
        raise AssertionError(f"{condition} did not come true at {self.url}: {said}\n{self.text()}")

    def wait_for_url(self, beginning: str) -> str:
        """Wait until the tab is at an address that begins so."""
        self.wait("location.href.startsWith(given[0])", beginning)
        return self.url

    def text(self) -> str:
        """What the page shows."""
        return str(self.run("return document.body.innerText"))

    def click(self, selector: str) -> None:
        """Click the first element of a CSS selector as a person does."""
        self.command("WebDriver:ElementClick", id=self._element(selector))

    def click_button(self, text: str) -> None:
        """Click the button with this text."""
        mark = "const found = [...document.querySelectorAll('button')].filter((one) => one.textContent === given[0]);"
        self.wait(f"(() => {{ {mark} return found.length === 1 && !found[0].disabled; }})()", text)
        self.run(f"{mark} found[0].setAttribute('data-clicked', ''); return true", text)
        self.click("button[data-clicked]")

    def type(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.command("WebDriver:ElementSendKeys", id=self._element(selector), text=text)

    def set_preference(self, name: str, value: bool | int | str) -> None:
        """Change a setting of the browser until it is as new."""
        self._changed.add(name)
        kind = {bool: "Bool", int: "Int", str: "String"}[type(value)]
        self._chrome(f"Services.prefs.set{kind}Pref(arguments[0], arguments[1])", name, value)

    def become_as_new(self) -> None:
        """Forget every site's data, the console, and settings that were changed since the start."""
        self.open("about:blank")
        for name in self._changed:
            self._chrome("Services.prefs.clearUserPref(arguments[0])", name)
        self._changed.clear()
        self._chrome("Services.console.reset()")
        clear = "Services.clearData.deleteData(Ci.nsIClearDataService.CLEAR_ALL, { onDataDeleted: arguments[0] })"
        self._chrome(clear, command="WebDriver:ExecuteAsyncScript")

    def complaints(self, about: str) -> list[str]:
        """Messages of the browser's console that name an address, or a policy that was broken."""
        # They come from the page's process a little later than what they are about, but in order: once the page's last
        # word is there, so is everything before it.
        last = f"last word {self._last}"
        self.run("setTimeout(() => { throw new Error(given[0]) })", last)
        deadline = time.monotonic() + _WAIT_SECONDS
        said: list[str] = []
        while not any(last in text for text in said):
            assert time.monotonic() < deadline, "the console is silent"
            time.sleep(0.05)
            said = self._chrome("return Services.console.getMessageArray().map((one) => String(one.message))")
        # The browser looks for an icon by itself, and the wallet's policy lets no image in.
        said = [text for text in said if not any(other in text for other in ("FaviconLoader", "last word "))]
        return [text for text in said if about in text or "Content-Security-Policy" in text]

    def quit(self) -> None:
        """End the browser."""
        self.command("Marionette:Quit", flags=["eForceQuit"])
        self._file.close()
        self._connection.close()

    def _chrome(self, script: str, *arguments: Any, command: str = "WebDriver:ExecuteScript") -> Any:
        self.command("Marionette:SetContext", value="chrome")
        try:
            return self.command(command, script=script, args=list(arguments))
        finally:
            self.command("Marionette:SetContext", value="content")

    def _element(self, selector: str) -> str:
        # It may belong to a page that has an address already, and nothing in it yet.
        self.wait("document.querySelector(given[0]) !== null", selector)
        found = self.command("WebDriver:FindElement", using="css selector", value=selector)
        return str(found[_ELEMENT])

    def _receive(self) -> Any:
        digits = b""
        while (letter := self._file.read(1)) != b":":
            if not letter:
                raise FirefoxError("Firefox has ended")
            digits += letter
        return json.loads(self._file.read(int(digits)))


@contextmanager
def running_firefox(executable: Path, directory: Path) -> Iterator[Firefox]:
    """Without a window, with a fresh profile in `directory`, in English until `intl.accept_languages` says else."""
    port = free_port()
    settings = {**_PREFERENCES, "marionette.port": port}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "user.js").write_text("\n".join(lines) + "\n")
    command = [executable, "--headless", "--no-remote", "--profile", directory, "--marionette"]
    with (directory / "output.log").open("wb") as output:
        # Settings and the console are the browser's own, which a page cannot reach: this flag lets Marionette.
        process = subprocess.Popen([*command, "--remote-allow-system-access"], stdout=output, stderr=output)
    try:
        firefox = Firefox(_connected(port, process))
        yield firefox
        firefox.quit()
        process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)


def _connected(port: int, process: "subprocess.Popen[bytes]") -> socket.socket:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=120)
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, "Firefox did not start"
            time.sleep(0.05)

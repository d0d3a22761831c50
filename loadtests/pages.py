"""Forms of the provider's pages, read as a browser reads them: action, hidden fields, nothing assumed."""

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin


@dataclass(frozen=True, slots=True)
class Form:
    """A form that posts: where to, and the fields that it brings along."""

    action: str
    fields: dict[str, str]


class NoForm(ValueError):
    """The page has no form with such a field."""


def form_with(page: str, field: str, address: str) -> Form:
    """The form of a page that has a field or button of a name; its action made absolute. NoForm."""
    reader = _FormReader()
    reader.feed(page)
    for action, hidden, names in reader.forms:
        if field in names:
            return Form(urljoin(address, action or address), hidden)
    raise NoForm(f"no form with {field} at {address}")


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str], set[str]]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = given.get("method", "get").lower() == "post"
            if self._open:
                self.forms.append((given.get("action", ""), {}, set()))
        elif self._open and tag in ("input", "button", "select", "textarea") and "name" in given:
            _, hidden, names = self.forms[-1]
            names.add(given["name"])
            if given.get("type") == "hidden":
                hidden[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False

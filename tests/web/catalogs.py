"""The pages' texts: what the templates say, and the catalogs that translate it.

`python -m tests.web.catalogs` brings the catalogs up to date: new texts are added untranslated, old ones dropped,
and the compiled files written. `tests/web/test_pages_languages.py` refuses catalogs that are not up to date.
"""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.need import ROOT

PAGES = ROOT / "idp" / "web" / "pages"
LOCALES = ("en", "zh_Hans")
_METHODS = [("**.html", "jinja2")]
# The headers want a date; a fixed one keeps two runs equal.
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


def po_path(locale: str) -> Path:
    """The translations of a locale, for people."""
    return PAGES / "translations" / locale / "LC_MESSAGES" / "messages.po"


def mo_path(locale: str) -> Path:
    """The translations of a locale, compiled."""
    return po_path(locale).with_suffix(".mo")


def extracted() -> Catalog:
    """Every text of the templates."""
    catalog = Catalog()
    options = {"**.html": {"silent": "false", "newstyle_gettext": "true", "trimmed": "true"}}
    found = extract_from_dir(str(PAGES / "templates"), _METHODS, options, keywords=_KEYWORDS)
    for _, _, message, _, _ in found:
        catalog.add(message, flags=["python-format"] if "%(" in str(message) else [])
    return catalog


def catalog_of(locale: str) -> Catalog:
    """The committed translations of a locale."""
    with po_path(locale).open("rb") as file:
        return read_po(file, locale=locale)


def compiled(catalog: Catalog) -> bytes:
    """The catalog as gettext reads it."""
    buffer = BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def update() -> None:
    """Write both files of every locale anew. English says what the templates say."""
    template = extracted()
    for locale in LOCALES:
        kept = catalog_of(locale) if po_path(locale).exists() else Catalog(locale)
        catalog = Catalog(
            locale, header_comment="# Texts of the pages.", project="Blindage", version="1", fuzzy=False,
            msgid_bugs_address="Blindage", last_translator="Blindage", language_team="Blindage",
        )  # fmt: skip
        for message in template:
            if message.id:
                before = kept.get(message.id)
                translated = message.id if locale == "en" else before.string if before else ""
                catalog.add(message.id, translated, flags=message.flags)
        catalog.creation_date = catalog.revision_date = _NO_DATE
        po_path(locale).parent.mkdir(parents=True, exist_ok=True)
        with po_path(locale).open("wb") as file:
            write_po(file, catalog, width=110)
        mo_path(locale).write_bytes(compiled(catalog_of(locale)))


if __name__ == "__main__":
    update()

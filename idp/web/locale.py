"""The language of a page: the switch, the app's `ui_locales`, the language cookie, the browser, in this order."""

from collections.abc import Iterable, Mapping

LANGUAGES: Mapping[str, str] = {"en": "English", "zh-Hans": "简体中文"}
"""Language tags (BCP 47) and how each language names itself; as `ui_locales_supported` of the metadata has them."""

DEFAULT = "en"


def match(tag: str) -> str | None:
    """The language for a BCP 47 tag, by its first part: `zh`, `zh-CN` and `zh-Hans` are all `zh-Hans`; else None."""
    primary = tag.replace("_", "-").partition("-")[0].lower()
    return next((language for language in LANGUAGES if language.partition("-")[0] == primary), None)


def choose(*wishes: Iterable[str]) -> str:
    """The first language we have among lists of tags, the weightiest list first."""
    for tags in wishes:
        for tag in tags:
            language = match(tag)
            if language is not None:
                return language
    return DEFAULT


def directory(language: str) -> str:
    """The name of a language's translation folder (gettext writes `_` for `-`)."""
    return language.replace("-", "_")

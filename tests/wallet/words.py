"""The wallet's words, as its own pages in a browser have them."""

from collections.abc import Mapping

from playwright.sync_api import Page

_TEXTS = """
language => import('/wallet/strings.mjs').then(({ wordsIn }) =>
    Object.fromEntries(Object.entries(wordsIn(language)).filter(([, word]) => typeof word === 'string')))
"""
_known: dict[str, Mapping[str, str]] = {}


def texts_of(page: Page, language: str) -> Mapping[str, str]:
    """A language's texts by their names.

    A page is asked the first time only: one that is on its way to another would not live to answer.
    """
    if language not in _known:
        _known[language] = page.evaluate(_TEXTS, language)
    return _known[language]

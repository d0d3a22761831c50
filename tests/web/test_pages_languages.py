"""Languages: complete catalogs, and the order of wishes (OIDC Core, 3.1.2.1 `ui_locales`)."""

import gettext
import re
from collections.abc import Callable
from io import BytesIO

import pytest

from idp.protocol.metadata import provider_metadata
from idp.web import locale
from tests.web.catalogs import LOCALES, PAGES, catalog_of, compiled, extracted, mo_path
from tests.web.conftest import Pages, authorize_url
from tests.web.visitor import PASSWORD, forms_of, query_of, returned

_PLACEHOLDER = re.compile(r"%\([a-z]+\)s")


def test_every_text_of_the_templates_is_in_every_catalog_and_no_other() -> None:
    wanted = {message.id for message in extracted() if message.id}
    assert len(wanted) > 80
    for name in LOCALES:
        assert {message.id for message in catalog_of(name) if message.id} == wanted


@pytest.mark.parametrize("name", LOCALES)
def test_every_text_is_translated_with_the_same_placeholders(name: str) -> None:
    for message in catalog_of(name):
        if message.id:
            assert message.string, message.id
            assert not message.fuzzy, message.id
            assert sorted(_PLACEHOLDER.findall(str(message.string))) == sorted(_PLACEHOLDER.findall(str(message.id)))


def test_chinese_texts_are_chinese() -> None:
    for message in catalog_of("zh_Hans"):
        if message.id:
            assert any("\u4e00" <= character <= "\u9fff" for character in str(message.string)), message.id


@pytest.mark.parametrize("name", LOCALES)
def test_the_compiled_catalog_says_what_the_translations_say(name: str) -> None:
    fresh = gettext.GNUTranslations(BytesIO(compiled(catalog_of(name))))
    with mo_path(name).open("rb") as file:
        committed = gettext.GNUTranslations(file)
    for message in catalog_of(name):
        if message.id:
            assert committed.gettext(str(message.id)) == fresh.gettext(str(message.id)) == message.string


def test_no_template_has_words_outside_the_catalogs() -> None:
    """Text between tags must come from `_()`: names of the product and punctuation aside."""
    for file in sorted((PAGES / "templates").glob("*.html")):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!doctype html>", "", file.read_text("utf-8"), flags=re.S)
        visible = re.sub(r"<[^>]*>", " ", text).replace("Blindage", "")
        assert not re.search(r"[A-Za-z\u4e00-\u9fff]{2,}", visible), (file.name, visible)


def test_both_languages_are_those_the_metadata_promises(pages: Pages) -> None:
    class Server:
        grant_types = ()

    promised = provider_metadata(pages.provider, Server(), {})["ui_locales_supported"]  # type: ignore[arg-type]
    assert promised == list(locale.LANGUAGES)
    assert [locale.directory(tag) for tag in locale.LANGUAGES] == list(LOCALES)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh", "zh-Hans"), ("zh-CN", "zh-Hans"), ("zh-Hans", "zh-Hans"), ("zh_Hans_CN", "zh-Hans"),
        ("ZH-hans", "zh-Hans"), ("en", "en"), ("en-GB", "en"), ("EN", "en"),
        ("fr", None), ("", None), ("-", None), ("x-zh", None), ("zha", None),
    ],
)  # fmt: skip
def test_which_language_a_tag_means(tag: str, language: str | None) -> None:
    assert locale.match(tag) == language


def test_the_browser_decides_when_nobody_else_does(pages: Pages) -> None:
    visitor = pages.visitor()
    assert '<html lang="zh-Hans">' in visitor.get("/sign-in", Accept_Language="fr, zh-CN;q=0.8, en;q=0.5").text
    assert '<html lang="en">' in visitor.get("/sign-in", Accept_Language="fr").text
    assert '<html lang="en">' in visitor.get("/sign-in", Accept_Language="\x01;;q=x,,*").text


def test_the_switch_is_remembered_by_a_cookie_and_beats_the_browser(pages: Pages) -> None:
    visitor = pages.visitor()
    page = visitor.get("/sign-in", Accept_Language="en")
    assert 'href="?lang=zh-Hans"' in page.text or 'href="/sign-in?lang=zh-Hans"' in page.text
    assert '<html lang="zh-Hans">' in visitor.get("/sign-in?lang=zh-Hans", Accept_Language="en").text
    assert '<html lang="zh-Hans">' in visitor.get("/sign-in", Accept_Language="en").text
    assert '<html lang="zh-Hans">' in visitor.get("/sign-in?lang=fr", Accept_Language="en").text
    assert '<html lang="en">' in visitor.get("/sign-in?lang=en", Accept_Language="zh").text


def test_the_apps_wish_beats_the_cookie_and_the_switch_beats_the_app_for_the_rest_of_the_way(pages: Pages) -> None:
    person, visitor, client = pages.person(), pages.visitor(), pages.app_client()
    visitor.get("/sign-in?lang=en")
    page = visitor.follow(visitor.get(authorize_url(client, ui_locales="fr zh-CN en")))
    assert '<html lang="zh-Hans">' in page.text
    link = page.text.partition('hreflang="en"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    page = visitor.get("/sign-in" + link[link.index("?") :])
    assert '<html lang="en">' in page.text
    wrong = visitor.submit(page, {"username": "x", "password": "y"})
    assert '<html lang="en">' in wrong.text
    answer = visitor.sign_in(person.username, wrong)
    assert "lang" not in query_of(answer.location)
    consent = visitor.get(answer.location)
    assert '<html lang="en">' in consent.text
    assert "code" in returned(visitor.submit(consent, {"decision": "allow"}))
    # The app's next request counts again.
    fresh = visitor.get(authorize_url(client, ui_locales="zh", prompt="consent"))
    assert '<html lang="zh-Hans">' in visitor.follow(fresh).text


def test_an_error_page_speaks_the_language_the_request_asks_for(pages: Pages) -> None:
    page = pages.visitor().get("/authorize?client_id=x&ui_locales=zh-CN")
    assert '<html lang="zh-Hans">' in page.text
    switched = pages.visitor().get("/authorize?client_id=x&ui_locales=zh-CN&lang=en")
    assert '<html lang="en">' in switched.text


def test_the_switch_is_plain_links_and_no_form(pages: Pages) -> None:
    visitor = pages.signed_in(pages.person())
    consent: Callable[[], str] = lambda: visitor.follow(visitor.get(authorize_url(pages.app_client()))).text  # noqa: E731
    for text in (visitor.get("/sign-in?other=1").text, consent()):
        assert text.count("<form") == 1
        assert text.count("hreflang=") == 1
    errors = visitor.post(
        "/account/password",
        {**next(f for f in forms_of(visitor.get("/account")) if f.action == "/account/password").fields,
         "current_password": "wrong", "new_password": PASSWORD},
    )  # fmt: skip
    assert 'href="/account?lang=zh-Hans"' in errors.text


def test_all_pages_exist_in_chinese(pages: Pages) -> None:
    person, visitor = pages.person(), pages.visitor()
    visitor.get("/sign-in?lang=zh-Hans")
    assert "登录" in visitor.get("/sign-in").text
    assert "创建账户" in visitor.get("/sign-up").text
    page = visitor.follow(visitor.get(authorize_url(pages.app_client())))
    page = visitor.follow(visitor.sign_in(person.username, page))
    assert "此应用将得知" in page.text
    visitor.submit(page, {"decision": "allow"})
    assert "更改密码" in visitor.get("/account").text
    assert "没有这个页面" in visitor.get("/nowhere").text

"""The consent page and the notices: what people read before an app learns anything (OIDC Core, 3.1.2.4; A21)."""

from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from idp.domain.account import Account
from idp.domain.client import Category, Client, ClientState, Manifest
from idp.services.accounts import need_account
from idp.web.app_card import app_card, shown_name
from tests.web.conftest import Pages, authorize_url
from tests.web.visitor import Visitor, forms_of, returned, without

FRIDAY_NOON_UTC = 1_767_355_200  # 2026-01-02T12:00:00Z, 20:00 in Shanghai


def _consent(pages: Pages, client: Client, **request: str) -> tuple[Visitor, TestResponse]:
    visitor = pages.signed_in(pages.person())
    return visitor, visitor.follow(visitor.get(authorize_url(client, **request)))


def test_both_buttons_stand_in_the_one_form(pages: Pages) -> None:
    _, page = _consent(pages, pages.app_client())
    [form] = forms_of(page)
    assert form.buttons == [("decision", "allow"), ("decision", "deny")]
    assert {"csrf", "request"} <= set(form.fields)


def test_the_page_names_the_app_its_domain_and_all_it_learns(pages: Pages) -> None:
    manifest = Manifest(purpose="to open the teenage area", retention="a year", contact="help@app.example")
    client = pages.app_client(
        name="Sunny Garden",
        manifest=manifest,
        policy_uri="https://app.example/privacy",
        scope=frozenset({"openid", "age", "offline_access"}),
        thresholds=(14, 16, 18),
        category=Category.SOCIAL,
    )
    claims = '{"id_token":{"age_over_16":null,"age_assurance":null,"age_thresholds":null}}'
    _, page = _consent(pages, client, scope="openid age offline_access", claims=claims)
    for words in (
        "Sunny Garden", "app.example", "to open the teenage area", "a year", "help@app.example",
        "A pseudonym made for this app alone", "minor or an adult", "16 or older", "14, 16, 18",
        "How thoroughly your age was checked", "until what time", "also while you are away",
        "Your name, your birth date or your exact age", "Which other apps you use",
    ):  # fmt: skip
        assert words in page.text, words
    assert 'href="https://app.example/privacy" target="_blank" rel="noopener noreferrer"' in page.text


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "http://app.example/", "data:text/html,x", "https://a b/", ""])
def test_only_https_addresses_are_linked(uri: str) -> None:
    client = Client("id", "Garden", ClientState.ACTIVE, 0, (), "sector", policy_uri=uri, tos_uri="https://app.example/t")
    assert app_card(client).policy_uri is None
    assert app_card(client).tos_uri == "https://app.example/t"


def test_nothing_is_claimed_that_was_not_asked(pages: Pages) -> None:
    _, page = _consent(pages, pages.app_client(), scope="openid")
    for words in ("minor or an adult", "or older", "while you are away", "age tokens", "In the app&#39;s own words"):
        assert words not in page.text


def test_an_app_on_this_device_has_no_domain(pages: Pages) -> None:
    native = pages.app_client(
        application_type="native", redirect_uris=("com.example.app:/back",), token_endpoint_auth_method="none"
    )
    visitor, page = _consent(pages, native)
    assert "on this device" in page.text
    assert "form-action 'self' com.example.app:;" in page.headers["Content-Security-Policy"]
    answer = visitor.submit(page, {"decision": "allow"})
    assert answer.status_code == 303
    assert answer.location.startswith("com.example.app:/back?code=")


def test_an_app_that_was_not_reviewed_is_marked_and_always_asks(pages: Pages) -> None:
    client = pages.app_client(state=ClientState.PENDING)
    visitor = pages.signed_in(pages.person(tester=True))
    for _ in range(2):
        page = visitor.follow(visitor.get(authorize_url(client)))
        assert "not reviewed" in page.text
        assert "code" in returned(visitor.submit(page, {"decision": "allow"}))


@pytest.mark.parametrize("decision", [None, "", "maybe", "ALLOW"])
def test_anything_but_allow_and_deny_is_refused(pages: Pages, decision: str | None) -> None:
    visitor, page = _consent(pages, pages.app_client())
    fields = {} if decision is None else {"decision": decision}
    answer = visitor.submit(page, fields)
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_repeated_field_of_the_consent_form_is_refused(pages: Pages) -> None:
    visitor, page = _consent(pages, pages.app_client())
    form = forms_of(page)[0]
    both = [*form.fields.items(), ("decision", "allow"), ("decision", "deny")]
    assert visitor.post(form.action, both).status_code == 400


def test_a_manifest_that_changed_meanwhile_is_shown_before_it_is_agreed_to(pages: Pages) -> None:
    client = pages.app_client(manifest=Manifest(version=1, purpose="old words"))
    visitor, page = _consent(pages, client)
    newer = replace(client, manifest=Manifest(version=2, purpose="new words"))
    assert pages.provider.realm.store.write(lambda tx: tx.clients.replace(newer, client.version))
    pages.clock.advance(4)
    answer = visitor.follow(visitor.submit(page, {"decision": "allow"}))
    assert "new words" in answer.text
    assert "code" in returned(visitor.submit(answer, {"decision": "allow"}))


def test_consent_by_a_session_that_ended_leads_to_sign_in(pages: Pages) -> None:
    visitor, page = _consent(pages, pages.app_client())
    pages.clock.advance(13 * 3600)
    fresh = visitor.get("/consent?request=" + forms_of(page)[0].fields["request"])
    assert fresh.status_code == 400  # the request is older than half an hour, too
    visitor, page = _consent(pages, pages.app_client())
    person, now = _account(pages, page), pages.clock.now()
    pages.provider.realm.store.write(lambda tx: tx.sessions.revoke_others(person.id, None, now))
    answer = visitor.submit(page, {"decision": "allow"})
    assert answer.location.startswith("/sign-in?request=")


def test_consent_needs_a_request(pages: Pages) -> None:
    visitor, page = _consent(pages, pages.app_client())
    form = forms_of(page)[0]
    assert visitor.get("/consent").status_code == 400
    assert visitor.post(form.action, {**without(form.fields, "request"), "decision": "allow"}).status_code == 400


@pytest.mark.parametrize(
    ("kind", "client", "words"),
    [
        (None, "plain", "We do not know your age group yet"),
        ("child", "plain", "Your guardian has to agree first"),
        ("minor", "game", "Not open for minors right now"),
        ("adult", "pending", "not open to everyone yet"),
    ],
)
def test_an_obstacle_is_explained_and_the_app_hears_access_denied(
    pages: Pages, kind: str | None, client: str, words: str
) -> None:
    pages.clock.advance(FRIDAY_NOON_UTC + 7 * 86400 + 3600 - pages.clock.now())  # Friday 21:00 in Shanghai: closed
    asking = {
        "plain": pages.app_client, "game": pages.game, "pending": lambda: pages.app_client(state=ClientState.PENDING),
    }[client]()  # fmt: skip
    visitor = pages.signed_in(pages.person(kind))
    page = visitor.follow(visitor.get(authorize_url(asking)))
    assert words in page.text
    assert "https://app.example" in page.headers["Content-Security-Policy"]
    answer = returned(visitor.submit(page))
    assert answer["error"] == "access_denied"
    assert answer["error_description"] == "the request was not granted"


def test_the_curfew_notice_says_when_it_opens_in_the_policys_time_zone(pages: Pages) -> None:
    visitor = pages.signed_in(pages.person("minor"))
    page = visitor.follow(visitor.get(authorize_url(pages.game(), ui_locales="en")))
    assert "Saturday, January 10, 2026" in page.text
    assert "8:00" in page.text
    assert "China" in page.text


def test_check_again_goes_on_when_the_obstacle_is_gone(pages: Pages) -> None:
    child, client = pages.person("child"), pages.app_client()
    visitor = pages.signed_in(child)
    page = visitor.follow(visitor.get(authorize_url(client)))
    again = "/notice?request=" + forms_of(page)[0].fields["request"]
    assert visitor.get(again).status_code == 200
    pages.guardian_agrees(child, client)
    assert visitor.get(again).location.startswith("/consent?request=")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Sunny Garden", "Sunny Garden"),
        ("微信Pay", "微信Pay"),
        ("Яндекс", "Яндекс"),
        ("カラオケ 々 ABC", "カラオケ 々 ABC"),
        ("Bank\u202eknaB", "Bank\\u{202E}knaB"),
        ("Bank\u200b", "Bank\\u{200B}"),
        ("Bank\u00a0", "Bank\\u{00A0}"),
        ("P\u0430yPal", "P\\u{0430}yPal"),
        ("\u0430\u0440\u0440 Support", "\\u{0430}\\u{0440}\\u{0440} Support"),
        ("G\u03bfogle", "G\\u{03BF}ogle"),
    ],
)
def test_a_name_cannot_pass_for_another(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_a_punycode_domain_is_shown_as_it_is(pages: Pages) -> None:
    client = pages.app_client(redirect_uris=("https://xn--pypal-4ve.example/cb",))
    _, page = _consent(pages, client)
    assert "xn--pypal-4ve.example" in page.text


def _account(pages: Pages, page: TestResponse) -> Account:
    username = page.text.partition("<strong><bdi>")[2].partition("<")[0]
    return need_account(pages.provider.realm, username)

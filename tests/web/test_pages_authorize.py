"""`/authorize` at the wire: pages before the redirect URI is proven, answers to the app after (OIDC Core, 3.1.2)."""

import json
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import Client
from idp.domain.errors import Unavailable
from idp.protocol.authorization import flow
from idp.protocol.authorization_code import open_code
from idp.web.pages.application import create_pages
from tests.web.conftest import REDIRECT_URI, Pages, authorize_url, request_of
from tests.web.visitor import ISSUER, Visitor, forms_of, query_of, returned


@pytest.fixture(scope="module")
def client(pages: Pages) -> Client:
    return pages.app_client()


def _whole_flow(pages: Pages, client: Client, kind: str) -> dict[str, str]:
    person, visitor = pages.person(kind), pages.visitor()
    first = visitor.get(authorize_url(client))
    assert first.status_code == 303
    assert urlsplit(first.location).path == "/sign-in"
    second = visitor.sign_in(person.username, visitor.get(first.location))
    assert second.status_code == 303
    assert urlsplit(second.location).path == "/consent"
    third = visitor.submit(visitor.get(second.location), {"decision": "allow"})
    assert third.status_code == 303
    assert third.location.startswith(REDIRECT_URI + "?")
    return returned(third)


@pytest.mark.parametrize("kind", ["adult", "minor"])
def test_authorize_sign_in_consent_app_each_by_303(pages: Pages, client: Client, kind: str) -> None:
    answer = _whole_flow(pages, client, kind)
    assert set(answer) == {"code", "state", "iss"}
    assert answer["state"] == "st-é-1"
    assert answer["iss"] == ISSUER
    code = open_code(pages.provider, answer["code"])
    assert (code.client_id, code.redirect_uri, code.nonce) == (client.id, REDIRECT_URI, "n-1")


def test_a_remembered_consent_shows_no_page(pages: Pages, client: Client) -> None:
    visitor = pages.signed_in(pages.person())
    page = visitor.follow(visitor.get(authorize_url(client)))
    assert "code" in returned(visitor.submit(page, {"decision": "allow"}))
    assert "code" in returned(visitor.get(authorize_url(client)))


def test_prompt_consent_asks_again(pages: Pages, client: Client) -> None:
    visitor = pages.signed_in(pages.person())
    visitor.submit(visitor.follow(visitor.get(authorize_url(client))), {"decision": "allow"})
    answer = visitor.get(authorize_url(client, prompt="consent"))
    assert urlsplit(answer.location).path == "/consent"
    assert "code" in returned(visitor.submit(visitor.get(answer.location), {"decision": "allow"}))


def test_denial_is_access_denied(pages: Pages, client: Client) -> None:
    visitor = pages.signed_in(pages.person())
    page = visitor.follow(visitor.get(authorize_url(client)))
    answer = returned(visitor.submit(page, {"decision": "deny"}))
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == ("st-é-1", ISSUER)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"client_id": "x" * 5000},
    ],
)
def test_unknown_app_or_unproven_redirect_uri_is_a_page_without_redirect(
    pages: Pages, client: Client, changes: dict[str, str | None]
) -> None:
    answer = pages.visitor().get(authorize_url(client, **changes))
    _is_error_page(answer)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_repeated_client_id_or_redirect_uri_is_a_page(pages: Pages, client: Client, name: str) -> None:
    other = {"client_id": "other", "redirect_uri": "https://evil.example/"}[name]
    answer = pages.visitor().get(authorize_url(client) + "&" + urlencode({name: other}))
    _is_error_page(answer)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "email"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://app.example/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"id_token_hint": "x.y.z"}, "invalid_request"),
        ({"nonce": "n" * 513}, "invalid_request"),
    ],
)
def test_every_later_error_goes_to_the_app_with_state_and_iss(
    pages: Pages, client: Client, changes: dict[str, str | None], error: str
) -> None:
    answer = pages.visitor().get(authorize_url(client, **changes))
    assert answer.location.startswith(REDIRECT_URI + "?")
    parameters = returned(answer)
    assert parameters["error"] == error
    assert (parameters["state"], parameters["iss"]) == ("st-é-1", ISSUER)


@pytest.mark.parametrize("name", ["scope", "nonce", "prompt", "max_age", "code_challenge", "anything"])
def test_any_repeated_parameter_is_invalid_request(pages: Pages, client: Client, name: str) -> None:
    answer = pages.visitor().get(authorize_url(client, **{name: "a"}) + f"&{name}=a")
    assert returned(answer)["error"] == "invalid_request"


@pytest.mark.parametrize("broken", ["ui_locales=%FF", "login_hint=%00", "x=ü", "&".join(f"p{n}=1" for n in range(70))])
def test_malformed_parameters_are_reported_to_a_proven_app(pages: Pages, client: Client, broken: str) -> None:
    answer = returned(pages.visitor().get(authorize_url(client) + "&" + broken))
    assert (answer["error"], answer["state"]) == ("invalid_request", "st-é-1")


def test_malformed_parameters_of_nobody_are_a_page(pages: Pages) -> None:
    _is_error_page(pages.visitor().get("/authorize?client_id=%FF&redirect_uri=%00"))


def test_a_posted_request_has_the_same_result(pages: Pages, client: Client) -> None:
    person, visitor = pages.person(), pages.visitor()
    answer = visitor.post("/authorize", request_of(client), Origin="https://app.example")
    assert urlsplit(answer.location).path == "/sign-in"
    page = visitor.follow(visitor.sign_in(person.username, visitor.get(answer.location)))
    assert "code" in returned(visitor.submit(page, {"decision": "allow"}))
    refused = visitor.post("/authorize", request_of(client, code_challenge=None, code_challenge_method=None))
    assert returned(refused)["error"] == "invalid_request"
    _is_error_page(visitor.post("/authorize", request_of(client, client_id="nobody")))
    _is_error_page(pages.visitor().client.post("/authorize", json=request_of(client), base_url=ISSUER))


def test_a_request_posted_from_another_site_finds_the_person_signed_in(pages: Pages, client: Client) -> None:
    """Browsers keep SameSite=Lax cookies back from such a POST and send them with the GET that follows."""
    visitor = pages.signed_in(pages.person())
    visitor.submit(visitor.follow(visitor.get(authorize_url(client))), {"decision": "allow"})
    withheld = pages.visitor().post("/authorize", request_of(client, prompt="none"), Sec_Fetch_Site="cross-site")
    assert withheld.status_code == 303
    assert "Set-Cookie" not in withheld.headers
    assert urlsplit(withheld.location).path == "/authorize"
    assert query_of(withheld.location) == request_of(client, prompt="none")
    assert "code" in returned(visitor.get(withheld.location))


def test_unknown_parameters_and_hints_are_ignored(pages: Pages, client: Client) -> None:
    answer = pages.visitor().get(
        authorize_url(
            client, foo="bar", login_hint="x", display="popup", acr_values="silver", claims_locales="fr", lang="fr"
        )
    )
    assert urlsplit(answer.location).path == "/sign-in"


def test_prompt_none_answers_without_any_page(pages: Pages, client: Client) -> None:
    url = authorize_url(client, prompt="none")
    assert returned(pages.visitor().get(url))["error"] == "login_required"
    visitor = pages.signed_in(pages.person())
    assert returned(visitor.get(url))["error"] == "consent_required"
    visitor.submit(visitor.follow(visitor.get(authorize_url(client))), {"decision": "allow"})
    assert "code" in returned(visitor.get(url))
    unknown_age = pages.signed_in(pages.person(None))
    # Before the person has agreed, an obstacle sounds like every other no (threats C05).
    assert returned(unknown_age.get(url))["error"] == "consent_required"


def test_prompt_login_asks_once_and_gives_a_new_auth_time(pages: Pages, client: Client) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    before = pages.clock.now()
    pages.clock.advance(100)
    page = visitor.follow(visitor.get(authorize_url(client, prompt="login")))
    assert 'name="password"' in page.text
    assert "prove once more" in page.text
    page = visitor.follow(visitor.sign_in(person.username, page))
    answer = returned(visitor.submit(page, {"decision": "allow"}))
    shown = open_code(pages.provider, answer["code"]).shown_auth_time
    assert shown == before + 100


def test_max_age_asks_a_session_that_is_older(pages: Pages, client: Client) -> None:
    visitor = pages.signed_in(pages.person())
    visitor.submit(visitor.follow(visitor.get(authorize_url(client))), {"decision": "allow"})
    pages.clock.advance(60)
    assert "code" in returned(visitor.get(authorize_url(client, max_age="10000")))
    again = visitor.get(authorize_url(client, max_age="1"))
    assert urlsplit(again.location).path == "/sign-in"


def test_form_post_brings_the_answer_by_a_form(pages: Pages, client: Client) -> None:
    visitor = pages.signed_in(pages.person())
    hostile = '"><script>alert(1)</script>'
    page = visitor.follow(visitor.get(authorize_url(client, response_mode="form_post", state=hostile)))
    answer = visitor.submit(page, {"decision": "allow"})
    assert answer.status_code == 200
    form = forms_of(answer)[0]
    assert form.action == REDIRECT_URI
    assert set(form.fields) == {"code", "state", "iss"}
    assert form.fields["state"] == hostile
    assert "<script>alert" not in answer.text
    assert "<button" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "form-action 'self' https://app.example;" in policy
    assert "script-src 'sha256-" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    refused = visitor.get(authorize_url(client, response_mode="form_post", prompt="none", scope="email"))
    assert forms_of(refused)[0].fields["error"] == "invalid_scope"


def test_a_redirect_uri_with_a_query_keeps_it_byte_for_byte(pages: Pages) -> None:
    uri = "https://app.example/cb?a=%7e&b=[c]"
    other = pages.app_client(redirect_uris=(uri,))
    answer = pages.visitor().get(authorize_url(other, prompt="none"))
    assert answer.location.startswith(uri + "&error=login_required")


def test_what_nobody_foresaw_reaches_a_proven_app_as_server_error(
    pages: Pages, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("secret-nonce")

    monkeypatch.setattr(flow, "proceed", fails)
    answer = returned(pages.visitor().get(authorize_url(client)))
    assert answer["error"] == "server_error"
    assert "secret" not in json.dumps(answer)
    [record] = [record for record in caplog.records if record.name == "blindage.pages"]
    assert record.getMessage() == "unexpected"
    assert record.exc_info is None
    assert record.__dict__["reference"] in answer["error_description"]
    assert "secret-nonce" not in str(record.__dict__)


def test_a_database_that_is_down_is_503_with_retry_after(pages: Pages, client: Client) -> None:
    class Down:
        def read(self, unit: object) -> None:
            raise Unavailable("down")

    realm = replace(pages.provider.realm, store=Down())
    app = create_pages(replace(pages.provider, realm=realm))
    answer = Visitor(app).get(authorize_url(client))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def _is_error_page(answer: TestResponse) -> None:
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert "<h1>" in answer.text

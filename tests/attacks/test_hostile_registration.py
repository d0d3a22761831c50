"""Hostile registration documents (threats A22): each gets a registered answer, none a 5xx, and nothing is fetched."""

from collections.abc import Iterator
from time import process_time

import pytest

from tests.assertion_client import AssertionKey, assertion_claims, assertion_form
from tests.attacks.hostile_metadata import documents
from tests.registration import JSON, Desk, RegisteredApp, open_desk
from tests.relying_party import error_of

CASES = list(documents())
ERRORS = {"invalid_redirect_uri", "invalid_client_metadata", "unapproved_software_statement", "invalid_request"}
SECONDS = 2.0
"""Of work on one document of 64 kB; a tenth of this is usual on a busy machine."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One issuer for the tests of this module."""
    with open_desk(tmp_path_factory.mktemp("hostile")) as running:
        yield running


def test_the_corpus_has_a_hundred_documents_and_more() -> None:
    assert len({name for name, _ in CASES}) == len(CASES) >= 100


@pytest.mark.parametrize("part", range(8))
def test_hostile_documents_are_answered_and_lead_nowhere(desk: Desk, part: int) -> None:
    """threats A22: 0 x 5xx, 0 fetches; what is taken in spite of it has registered nothing it must not."""
    for name, document in CASES[part::8]:
        begun = process_time()
        answer = desk.post(document)
        assert process_time() - begun < SECONDS, name
        if answer.status_code == 201:
            assert isinstance(answer.json, dict)
            _is_harmless(desk, name, answer.json)
        else:
            assert answer.status_code in (400, 413), (name, answer.status_code, answer.text)
            assert error_of(answer, answer.status_code) in ERRORS, name
    assert desk.fetcher.asked == []


def _is_harmless(desk: Desk, name: str, information: dict[str, object]) -> None:
    assert information["blindage_state"] == "pending", name
    assert information["subject_type"] == "pairwise"
    assert information["id_token_signed_response_alg"] in ("RS256", "ES256", "EdDSA")
    assert set(str(information["scope"]).split()) <= {"openid", "age", "offline_access"}
    client = RegisteredApp(desk, information).party().client
    assert client.owner is None and client.reviewed_at is None
    for uri in client.redirect_uris + client.post_logout_redirect_uris:
        assert uri.startswith("https://") and "@" not in uri and "#" not in uri, name


@pytest.mark.parametrize("part", range(4))
def test_hostile_updates_are_answered_and_change_nothing(desk: Desk, part: int) -> None:
    """threats A22: the same documents as updates; without the right client_id none of them may change anything."""
    app = desk.registered()
    for name, document in CASES[part::4]:
        answer = app.send("PUT", document)
        assert answer.status_code in (400, 413), (name, answer.status_code)
    assert app.send("GET").json == {key: value for key, value in app.information.items() if key != "client_secret"}
    assert desk.fetcher.asked == []


def test_a_registrars_token_does_not_make_hostile_documents_work(desk: Desk) -> None:
    """A trusted registrar may pass on what it was given: the same answers, and only sector documents are asked for."""
    token = desk.initial_token()
    statuses = {desk.post(document, token).status_code for _, document in CASES[::3]}
    assert statuses <= {201, 400, 413}
    asked, desk.fetcher.asked = desk.fetcher.asked, []
    assert asked and all(uri.startswith("https://") for uri in asked)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "\x00"]
)
def test_another_media_type_is_refused(desk: Desk, content_type: str) -> None:
    """RFC 7591, section 3.1: a page of another site cannot post JSON as text."""
    answer = desk.post({"redirect_uris": ["https://app.example/cb"]}, content_type=content_type)
    assert error_of(answer) == "invalid_client_metadata"


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", ";charset=UTF-16", "; x=y"])
def test_json_is_json_whatever_its_parameters(desk: Desk, charset: str) -> None:
    """RFC 8259, section 11: there are none that mean anything."""
    answer = desk.post({"redirect_uris": [f"https://{desk.fresh_host()}/cb"]}, content_type=f"{JSON}{charset}")
    assert answer.status_code == 201


def test_the_keys_of_an_app_that_waits_for_review_are_not_fetched(desk: Desk) -> None:
    """threats A22, A24: registering an address and then authenticating is no way to have it fetched."""
    key = AssertionKey()
    app = desk.registered(token_endpoint_auth_method="private_key_jwt", jwks_uri="https://169.254.169.254/jwks")
    proof = assertion_form(key.sign(assertion_claims(app.id, desk.app.issuer, desk.app.clock.now())))
    form = {"grant_type": "authorization_code", "code": "x", "token": "x", **proof}
    for path in ("/token", "/par", "/revoke", "/introspect"):
        assert error_of(desk.app.send("POST", path, form), 401) == "invalid_client"
    assert desk.fetcher.asked == []
    app.review()
    desk.app.send("POST", "/token", form)
    assert desk.fetcher.asked == ["https://169.254.169.254/jwks"], "after the review the guarded fetcher decides"
    desk.fetcher.asked.clear()

"""One app at two issuers: the second way in differs in the issuer's address, and neither answers for the other."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from crypto.jwk import SigningKey
from relying_party_demo.application import create_application
from relying_party_demo.configuration import ConfigurationError, read_configuration
from relying_party_demo.languages import WORDS
from tests.relying_party_demo.fake_issuer import CLIENT_ID, CLIENT_SECRET, FakeIssuer, callback, running_issuer

ENVIRON = {"DEMO_CLIENT_ID": CLIENT_ID, "DEMO_CLIENT_SECRET": CLIENT_SECRET}


@pytest.fixture
def door(issuer_key: SigningKey) -> Iterator[FakeIssuer]:
    """The second issuer; the wallet of whoever comes there is another pseudonym."""
    with running_issuer(issuer_key) as running:
        running.claims = {"sub": "w" * 43, "age_band": "minor"}
        yield running


@pytest.fixture
def browser(issuer: FakeIssuer, door: FakeIssuer) -> FlaskClient:
    environ = {
        **ENVIRON, "DEMO_ISSUER": issuer.url, "DEMO_VEILED_ISSUER": door.url, "DEMO_VEILED_CLIENT_ID": CLIENT_ID,
        "DEMO_VEILED_CLIENT_SECRET": CLIENT_SECRET,
    }  # fmt: skip
    client = create_application(read_configuration(environ, 9002)).test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def begin(browser: FlaskClient, way: str = "") -> str:
    return str(browser.get("/sign-in", query_string={"way": way} if way else {}).location)


def signed_in(browser: FlaskClient) -> dict[str, str]:
    with browser.session_transaction() as session:
        return dict(session)


def test_both_ways_are_offered_and_both_lead_in(browser: FlaskClient, issuer: FakeIssuer, door: FakeIssuer) -> None:
    page = browser.get("/")
    assert WORDS["en"]["sign_in_veiled"] in page.text
    policy = page.headers["Content-Security-Policy"]
    assert issuer.url in policy and door.url in policy
    for way, at, sub in (("", issuer, "p" * 43), ("veiled", door, "w" * 43)):
        location = begin(browser, way)
        assert location.startswith(at.url + "/authorize?")
        assert browser.get(callback(at.authorize(location))).location == "/"
        assert signed_in(browser)["sub"] == sub


def test_requests_of_both_ways_ask_for_the_same(browser: FlaskClient) -> None:
    direct, veiled = (parse_qs(urlsplit(begin(browser, way)).query) for way in ("", "veiled"))
    for name in direct.keys() | veiled.keys():
        assert (direct[name] == veiled[name]) == (name not in ("state", "nonce", "code_challenge")), name


def test_answer_of_one_issuer_is_not_taken_for_the_other(
    browser: FlaskClient, issuer: FakeIssuer, door: FakeIssuer
) -> None:
    """Mix-up (RFC 9207): the state belongs to a request at one issuer, and an answer names its own."""
    to_door = door.authorize(begin(browser, "veiled"))
    answer = browser.get(callback({**to_door, "iss": issuer.url}))
    assert answer.status_code == 400 and issuer.token_requests == door.token_requests == []
    to_issuer = issuer.authorize(begin(browser))
    answer = browser.get(callback({**to_issuer, "iss": door.url}))
    assert answer.status_code == 400 and issuer.token_requests == door.token_requests == []
    assert browser.get(callback({**to_door, "iss": "https://third.example"})).status_code == 400
    assert "sub" not in signed_in(browser)


def test_signing_out_goes_by_the_way_one_came_in(browser: FlaskClient, issuer: FakeIssuer, door: FakeIssuer) -> None:
    for at in (issuer, door):
        at.metadata = {"end_session_endpoint": at.url + "/logout"}
    for way, at in (("veiled", door), ("", issuer)):
        browser.get(callback(at.authorize(begin(browser, way))))
        assert browser.post("/sign-out").location.startswith(at.url + "/logout?")
        assert "sub" not in signed_in(browser)


def test_without_a_door_there_is_one_way(issuer: FakeIssuer) -> None:
    client = create_application(read_configuration({**ENVIRON, "DEMO_ISSUER": issuer.url}, 9002)).test_client()
    assert WORDS["en"]["sign_in_veiled"] not in client.get("/").text
    assert begin(client, "veiled").startswith(issuer.url)
    with pytest.raises(ConfigurationError, match="DEMO_VEILED_CLIENT_ID"):
        read_configuration({**ENVIRON, "DEMO_ISSUER": issuer.url, "DEMO_VEILED_ISSUER": "http://x.example"}, 9002)

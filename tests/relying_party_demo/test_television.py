"""The television signs a viewer in by the book (RFC 8628): codes, polls in time, a token it has reason to believe."""

import base64
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import CliRunner

from crypto.jwk import SigningKey
from crypto.jwt import JwtSigner
from relying_party_demo import device_flow, television
from relying_party_demo.configuration import ConfigurationError, DeviceConfiguration, read_device_configuration
from relying_party_demo.device_flow import Codes, DeviceFlow, Ended, Viewer
from relying_party_demo.languages import WORDS
from tests.relying_party_demo.fake_issuer import CLIENT_ID, SUBJECT, FakeIssuer, unsigned_token


@dataclass
class Time:
    """Time that passes only by waiting."""

    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.slept.append(seconds)

    def monotonic(self) -> float:
        """How much has passed."""
        return sum(self.slept)


@pytest.fixture
def waited() -> Time:
    """The waits of a test."""
    return Time()


@pytest.fixture
def flow(issuer: FakeIssuer, waited: Time) -> DeviceFlow:
    """A try at the fake issuer, as a client without a secret."""
    configuration = read_device_configuration({"DEMO_ISSUER": issuer.url, "DEMO_CLIENT_ID": CLIENT_ID})
    return DeviceFlow(configuration, waited.sleep, waited.monotonic)


def ended(flow: DeviceFlow, issuer: FakeIssuer, codes: Codes | None = None) -> str:
    """The word a try ends with."""
    with pytest.raises(Ended) as caught:
        flow.wait(codes or flow.begin("en"))
    return caught.value.word


def test_it_asks_for_codes_and_polls_until_somebody_has_agreed(
    flow: DeviceFlow, issuer: FakeIssuer, waited: Time
) -> None:
    issuer.polls = ["authorization_pending", "authorization_pending"]
    codes = flow.begin("zh-Hans")
    assert issuer.asked["scope"] == "openid age" and issuer.asked["blindage_device_type"] == "television"
    assert issuer.asked["client_id"] == CLIENT_ID and issuer.asked["ui_locales"] == "zh-Hans"
    assert len(issuer.asked["nonce"]) >= 20
    assert (codes.user_code, codes.verification_uri) == ("WDJB-MJHT", issuer.url + "/device")
    assert flow.wait(codes) == Viewer(SUBJECT, "adult")
    assert waited.slept == [5, 5, 5]
    assert {request["device_code"] for request in issuer.token_requests} == {"the-device-code"}
    assert {request["client_id"] for request in issuer.token_requests} == {CLIENT_ID}


def test_it_slows_down_for_good_when_told(flow: DeviceFlow, issuer: FakeIssuer, waited: Time) -> None:
    issuer.polls = ["slow_down", "authorization_pending", "slow_down", "authorization_pending"]
    flow.wait(flow.begin("en"))
    assert waited.slept == [5, 10, 10, 15, 15]


def test_interval_is_five_seconds_where_none_is_said(flow: DeviceFlow, issuer: FakeIssuer, waited: Time) -> None:
    issuer.codes = {"interval": None, "verification_uri_complete": None}
    codes = flow.begin("en")
    assert codes.interval == 5 and codes.verification_uri_complete == issuer.url + "/device"


def test_it_waits_twice_as_long_after_a_lost_connection(
    flow: DeviceFlow, issuer: FakeIssuer, waited: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = flow.begin("en")
    post, lost = flow._post, iter([True, True])

    def lossy(endpoint: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if next(lost, False):
            raise device_flow.RequestException
        return post(endpoint, form)

    monkeypatch.setattr(flow, "_post", lossy)
    assert flow.wait(codes) == Viewer(SUBJECT, "adult")
    assert waited.slept == [5, 10, 20]


def test_issuer_that_is_away_for_a_moment_is_asked_again(
    flow: DeviceFlow, waited: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = flow.begin("en")
    answers = iter([(503, {"error": "temporarily_unavailable"}), (429, {"error": "slow_down"})])
    post = flow._post
    monkeypatch.setattr(flow, "_post", lambda *request: next(answers, None) or post(*request))
    assert flow.wait(codes) == Viewer(SUBJECT, "adult")
    assert waited.slept == [5, 10, 20]


@pytest.mark.parametrize(
    ("error", "word"),
    [("access_denied", "declined"), ("expired_token", "tv_expired"), ("invalid_grant", "failed"), ("what", "failed")],
)
def test_every_refusal_ends_with_its_words(flow: DeviceFlow, issuer: FakeIssuer, error: str, word: str) -> None:
    issuer.polls = ["authorization_pending", error]
    assert ended(flow, issuer) == word
    assert all(word in words for words in WORDS.values())


def test_it_gives_up_when_the_codes_have_expired(flow: DeviceFlow, issuer: FakeIssuer, waited: Time) -> None:
    issuer.codes = {"expires_in": 30}
    issuer.polls = ["authorization_pending"] * 100
    assert ended(flow, issuer) == "tv_expired"
    assert len(issuer.token_requests) == 5 and sum(waited.slept) == 30


@pytest.mark.parametrize("band", ["minor", "adult"])
def test_band_is_the_one_of_the_token(flow: DeviceFlow, issuer: FakeIssuer, band: str) -> None:
    issuer.claims = {"age_band": band}
    assert flow.wait(flow.begin("en")).age_band == band


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"}, {"aud": "somebody-else"}, {"aud": [CLIENT_ID, "somebody-else"]},
        {"exp": 1}, {"exp": None}, {"nonce": "another"}, {"nonce": None}, {"sub": None}, {"age_band": None},
        {"age_band": "toddler"}, {"age_band": ["adult"]},
    ],
)  # fmt: skip
def test_token_that_is_not_for_this_device_is_thrown_away(
    flow: DeviceFlow, issuer: FakeIssuer, claims: dict[str, Any]
) -> None:
    issuer.claims = claims
    assert ended(flow, issuer) == "untrusted"


@pytest.mark.parametrize("how", ["unsigned", "other key", "other algorithm", "missing"])
def test_token_that_the_issuer_did_not_sign_is_thrown_away(flow: DeviceFlow, issuer: FakeIssuer, how: str) -> None:
    codes = flow.begin("en")
    claims = issuer.honest_claims()
    if how == "unsigned":
        issuer.id_token = unsigned_token(claims, {"alg": "none"})
    elif how == "other key":
        issuer.id_token = JwtSigner(SigningKey.generate("RS256")).sign(claims)
    elif how == "other algorithm":
        other = SigningKey.generate("ES256")
        issuer.other_keys.append(other)
        issuer.id_token = JwtSigner(other).sign(claims)
    else:
        issuer.broken["/token"] = (200, b'{"access_token": "x", "token_type": "Bearer"}')
    assert ended(flow, issuer, codes) == "untrusted"


@pytest.mark.parametrize(
    ("path", "status", "body", "word"),
    [
        ("/.well-known/openid-configuration", 200, b"[]", "untrusted"),
        ("/.well-known/openid-configuration", 200, b"{", "unreachable"),
        ("/.well-known/openid-configuration", 503, b"{}", "unreachable"),
        ("/device_authorization", 200, b"{}", "untrusted"),
        ("/device_authorization", 200, b'{"device_code": "x", "expires_in": "soon"}', "untrusted"),
        ("/device_authorization", 200, b"[]", "untrusted"),
        ("/device_authorization", 400, b'{"error": "invalid_scope"}', "failed"),
    ],
)
def test_garbage_at_the_beginning_ends_the_try(
    flow: DeviceFlow, issuer: FakeIssuer, path: str, status: int, body: bytes, word: str
) -> None:
    issuer.broken[path] = (status, body)
    with pytest.raises(Ended) as caught:
        flow.begin("en")
    assert caught.value.word == word


@pytest.mark.parametrize("metadata", [{"issuer": "https://other.example"}, {"device_authorization_endpoint": None}])
def test_metadata_of_another_issuer_is_not_used(
    flow: DeviceFlow, issuer: FakeIssuer, metadata: dict[str, Any]
) -> None:
    issuer.metadata = metadata
    with pytest.raises(Ended) as caught:
        flow.begin("en")
    assert caught.value.word == "untrusted" and issuer.asked == {}


def test_client_with_a_secret_sends_it_in_the_header(issuer: FakeIssuer, waited: Time) -> None:
    sent: list[str | None] = []
    configuration = DeviceConfiguration(issuer.url, "tv", "a secret", "Cinema")
    flow = DeviceFlow(configuration, waited.sleep, waited.monotonic)
    flow._http.hooks["response"].append(lambda answer, **_: sent.append(answer.request.headers.get("Authorization")))
    issuer.claims = {"aud": "tv"}
    flow.wait(flow.begin("en"))
    assert "Basic " + base64.b64encode(b"tv:a secret").decode() in sent
    assert all("client_id" not in request for request in issuer.token_requests)


@pytest.mark.parametrize("missing", ["DEMO_ISSUER", "DEMO_CLIENT_ID"])
def test_settings_that_are_missing_are_named(missing: str) -> None:
    environ = {"DEMO_ISSUER": "http://127.0.0.1:9000", "DEMO_CLIENT_ID": "tv"}
    del environ[missing]
    with pytest.raises(ConfigurationError, match=missing):
        read_device_configuration(environ)
    result = CliRunner().invoke(television.main, env={**environ, missing: ""})
    assert result.exit_code == 1 and missing in result.output


@pytest.mark.parametrize("language", ["en", "zh"])
def test_screen_shows_codes_a_qr_code_and_what_is_on_for_the_band(
    issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    issuer.claims, issuer.codes = {"age_band": "minor"}, {"interval": 0}
    lang = {"en": "C", "zh": "zh_CN.UTF-8"}[language]
    environ = {"DEMO_ISSUER": issuer.url, "DEMO_CLIENT_ID": CLIENT_ID, "LANG": lang}
    result = CliRunner().invoke(television.main, env=environ)
    assert result.exit_code == 0, result.output
    words, shown = WORDS[language], result.output
    before, _, after = shown.partition(words["tv_waiting"])
    for text in ("Lantern Cinema", issuer.url + "/device", "WDJB-MJHT", "█", words["area_anonymous"]):
        assert text in before, text
    for text in (words["area_minor"], SUBJECT, "minor", {"en": "Summer of Kites", "zh": "风筝之夏"}[language]):
        assert text in after and text not in before, text
    assert "Night Train" not in shown and "夜行列车" not in shown
    assert "the-device-code" not in shown


def test_screen_says_why_nobody_was_signed_in(issuer: FakeIssuer) -> None:
    issuer.polls, issuer.codes = ["access_denied"], {"interval": 0}
    environ = {"DEMO_ISSUER": issuer.url, "DEMO_CLIENT_ID": CLIENT_ID, "LANG": "C"}
    result = CliRunner().invoke(television.main, ["--no-qr"], env=environ)
    assert result.exit_code == 1
    assert WORDS["en"]["declined"] in result.output and "█" not in result.output

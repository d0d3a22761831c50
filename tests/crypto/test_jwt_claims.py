"""The registered claims of a JWT (RFC 7519, section 4.1) and OpenID Connect's at_hash; threat rows A17 and A20."""

from typing import Any

import pytest

from crypto.encoding import b64url_decode
from crypto.errors import JwtError
from crypto.jwt import check_claims, half_hash

NOW = 1_800_000_000
CLAIMS = {"iss": "https://id.example", "sub": "A" * 43, "aud": "client", "exp": NOW + 300, "iat": NOW}


def check(changes: dict[str, Any], *, without: str = "", now: int = NOW, **expected: Any) -> None:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if name != without}
    check_claims(claims, now=now, **{"issuer": CLAIMS["iss"], "audience": "client", **expected})


def test_good_claims_pass() -> None:
    check({})
    check({}, leeway=5, max_age=0, max_lifetime=300, sole_audience=True)
    check({}, issuer=None, audience=None)
    check({"aud": ["other", "client"], "nbf": NOW})
    check({}, without="exp", require_exp=False)
    check({}, without="aud", audience=None)
    check({}, without="iat")


@pytest.mark.parametrize("leeway", [0, 30])
def test_times_hold_to_the_second(leeway: int) -> None:
    check({"exp": NOW + 1 - leeway, "nbf": NOW + leeway, "iat": NOW + leeway}, leeway=leeway)
    check({"iat": NOW - 60 - leeway}, leeway=leeway, max_age=60)
    check({"exp": NOW + 300 + leeway}, leeway=leeway, max_lifetime=300)
    for changes in (
        {"exp": NOW - leeway},
        {"nbf": NOW + leeway + 1},
        {"iat": NOW + leeway + 1},
        {"iat": NOW - 61 - leeway},
        {"exp": NOW + 301 + leeway},
    ):
        with pytest.raises(JwtError):
            check(changes, leeway=leeway, max_age=60, max_lifetime=300)


@pytest.mark.parametrize("claim", ["exp", "iat"])
def test_missing_times_are_refused_where_they_are_asked_for(claim: str) -> None:
    with pytest.raises(JwtError):
        check({}, without=claim, max_age=60, max_lifetime=300, require_exp=False)
    with pytest.raises(JwtError):
        check({}, without="exp")


@pytest.mark.parametrize("iss", [None, "", "https://id.example/", "https://ID.example", ["https://id.example"], 1, {}])
def test_iss_is_exactly_the_issuer(iss: Any) -> None:
    with pytest.raises(JwtError):
        check({"iss": iss})
    with pytest.raises(JwtError):
        check({}, without="iss")


@pytest.mark.parametrize(
    "aud",
    [
        None,
        "",
        "Client",
        "client2",
        [],
        ["other"],
        [["client"]],
        ["client", 1],
        ["client", None],
        {"client": 1},
        1,
        True,
    ],
)
def test_aud_names_the_audience(aud: Any) -> None:
    with pytest.raises(JwtError):
        check({"aud": aud})
    with pytest.raises(JwtError):
        check({}, without="aud")


@pytest.mark.parametrize("aud", [["client"], ["client", "other"], ["client", "client"]])
def test_sole_audience_is_no_list(aud: list[str]) -> None:
    check({"aud": aud})
    with pytest.raises(JwtError):
        check({"aud": aud}, sole_audience=True)


@pytest.mark.parametrize("aud", [None, 1, {}, ["a", 1]])
def test_malformed_aud_is_refused_even_when_it_is_not_compared(aud: Any) -> None:
    with pytest.raises(JwtError):
        check({"aud": aud}, audience=None)


def test_at_hash_and_c_hash_of_openid_connect_core() -> None:
    assert half_hash("RS256", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"
    assert half_hash("ES256", "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk") == "LDktKdoQak3Pk0cnXxCltA"
    assert len(b64url_decode(half_hash("EdDSA", "token"))) == 32


@pytest.mark.parametrize(("alg", "value"), [("none", "a"), ("HS256", "a"), ("ES256", "\u00e9")])
def test_nothing_else_is_half_hashed(alg: str, value: str) -> None:
    with pytest.raises(JwtError):
        half_hash(alg, value)

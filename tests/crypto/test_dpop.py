"""DPoP proofs (RFC 9449, sections 4.2, 4.3, 8 and 9); conformance rows 106 and 110."""

import json
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.dpop import MAX_PROOF_BYTES, DpopProof, ServerNonces, normal_url, verify_proof
from crypto.encoding import b64url_encode
from crypto.errors import DpopError
from crypto.jwk import ALGORITHMS, SigningKey
from tests.attacks.hostile_jwts import hostile_jwts, signed_bad_times, signed_hostile_jwts
from tests.crypto.jose_keys import KEYS

NOW = 1_800_000_000
URL = "https://id.example/token"
CLAIMS: dict[str, Any] = {"jti": "-BwC3ESc6acc2lTc", "htm": "POST", "htu": URL, "iat": NOW}

RFC9449_HEADER = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
RFC9449_TOKEN_PROOF = (
    f"{RFC9449_HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUu"
    "Y29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK7"
    "0nfbV37xRZT3Lg"
)
RFC9449_RESOURCE_PROOF = (
    f"{RFC9449_HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxl"
    "Lm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NB"
    "cWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC9449_ACCESS_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
RFC9449_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.fixture(params=sorted(ALGORITHMS))
def key(request: pytest.FixtureRequest) -> SigningKey:
    return KEYS[request.param]


def header_of(key: SigningKey) -> dict[str, Any]:
    jwk = {name: value for name, value in key.public_jwk().items() if name not in ("kid", "use", "alg")}
    return {"typ": "dpop+jwt", "alg": key.alg, "jwk": jwk}


def proof_of(key: SigningKey, header: Any = None, **changes: Any) -> str:
    """A proof with a true signature; a claim of None is left out."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    parts = (json.dumps(header_of(key) if header is None else header), json.dumps(claims))
    signing_input = ".".join(b64url_encode(part.encode()) for part in parts)
    return f"{signing_input}.{b64url_encode(key.sign(signing_input.encode()))}"


def verify(proof: str, **changes: Any) -> DpopProof:
    expected: dict[str, Any] = {
        "method": "POST",
        "url": URL,
        "now": NOW,
        "access_token": None,
        "algorithms": ALGORITHMS,
    }
    return verify_proof(proof, **{**expected, **changes})


def refuse(proof: str, **changes: Any) -> None:
    with pytest.raises(DpopError):
        verify(proof, **changes)


def test_proofs_of_rfc_9449_verify() -> None:
    proof = verify(RFC9449_TOKEN_PROOF, url="https://server.example.com/token", now=1562262616)
    assert proof == DpopProof(RFC9449_JKT, "-BwC3ESc6acc2lTc", 1562262616, None)
    proof = verify(
        RFC9449_RESOURCE_PROOF,
        method="GET",
        url="https://resource.example.org/protectedresource",
        now=1562262618,
        access_token=RFC9449_ACCESS_TOKEN,
    )
    assert proof == DpopProof(RFC9449_JKT, "e1j3V_bKic8-LAEB", 1562262618, None)


def test_proof_of_each_algorithm_verifies(key: SigningKey) -> None:
    assert verify(proof_of(key)) == DpopProof(key.kid, CLAIMS["jti"], NOW, None)
    assert verify(proof_of(key, nonce="abc")).nonce == "abc"


def test_proof_with_the_largest_key_fits() -> None:
    key = SigningKey("RS256", "k", rsa.generate_private_key(65537, 4096))
    proof = proof_of(key, ath="a" * 43, nonce="n" * 43, htu=URL + "/" + "p" * 300)
    assert len(proof) < MAX_PROOF_BYTES
    assert verify(proof, url=URL + "/" + "p" * 300).jkt == key.public_key().thumbprint()


def test_hostile_proofs_are_refused(key: SigningKey) -> None:
    valid = proof_of(key)
    cases = hostile_jwts(valid, key.public_jwk())
    # A proof may carry an embedded key: one that signs with its own is another, honest prover.
    embedded = {name for name, _ in cases if name.startswith("attacker's") and "embedded as jwk" in name}
    # Unless it signs under a name that is not on the list.
    honest = {name for name in embedded if "Ed25519" not in name}
    assert len(honest) == 6
    accepted = set()
    for name, token in cases + signed_hostile_jwts(key.sign, header_of(key), CLAIMS):
        try:
            proof = verify(token)
        except DpopError:
            continue
        assert proof.jkt != key.kid or name.startswith("signed: kid")
        accepted.add(name)
    assert {name for name in accepted if not name.startswith("signed: kid")} == honest


def test_hostile_times_are_refused(key: SigningKey) -> None:
    for name, token in signed_bad_times(key.sign, header_of(key), CLAIMS):
        with pytest.raises(DpopError):
            verify(token)
            pytest.fail(name)


@pytest.mark.parametrize("typ", [None, "JWT", "dpop", "at+jwt", "", 1, ["dpop+jwt"]])
def test_check_4_typ_is_dpop_jwt(typ: Any) -> None:
    refuse(proof_of(KEYS["ES256"], {**header_of(KEYS["ES256"]), "typ": typ}))
    refuse(proof_of(KEYS["ES256"], {k: v for k, v in header_of(KEYS["ES256"]).items() if k != "typ"}))


def test_check_5_algorithm_is_on_the_servers_list(key: SigningKey) -> None:
    refuse(proof_of(key), algorithms=ALGORITHMS - {key.alg})
    refuse(proof_of(key), algorithms=frozenset())


def test_check_6_signature_is_of_the_embedded_key(key: SigningKey) -> None:
    other = SigningKey.generate(key.alg)
    refuse(proof_of(other, header_of(key)))
    for wrong in KEYS.values():
        if wrong.alg != key.alg:
            refuse(proof_of(wrong, {**header_of(wrong), "alg": key.alg}))
            refuse(proof_of(key, {**header_of(wrong), "alg": key.alg}))


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_check_7_embedded_key_is_public(key: SigningKey, member: str) -> None:
    header = header_of(key)
    refuse(proof_of(key, {**header, "jwk": {**header["jwk"], member: "AQAB"}}))


@pytest.mark.parametrize("jwk", [None, {}, [], "", 1, {"kty": "oct", "k": "AAAA"}, {"kty": "EC", "crv": "P-256"}])
def test_check_7_embedded_key_is_there_and_whole(jwk: Any) -> None:
    header = header_of(KEYS["ES256"])
    refuse(proof_of(KEYS["ES256"], {**header, "jwk": jwk}))
    refuse(proof_of(KEYS["ES256"], {k: v for k, v in header.items() if k != "jwk"}))


def test_embedded_key_for_encryption_is_refused() -> None:
    header = header_of(KEYS["ES256"])
    refuse(proof_of(KEYS["ES256"], {**header, "jwk": {**header["jwk"], "use": "enc"}}))


@pytest.mark.parametrize("htm", [None, "GET", "post", "POST ", "", 1, ["POST"]])
def test_check_8_htm_is_the_method(htm: Any) -> None:
    refuse(proof_of(KEYS["EdDSA"], htm=htm))


@pytest.mark.parametrize(
    "htu",
    [
        URL,
        "HTTPS://ID.EXAMPLE/token",
        "https://id.example:443/token",
        "https://id.example:/token",
        "https://id.example/token?a=b",
        "https://id.example/token#part",
        "https://id.example/%74oken",
        "https://id.example/a/../token",
        "https://id.example/./token",
    ],
)
def test_check_9_htu_is_compared_after_normalisation(htu: str) -> None:
    assert verify(proof_of(KEYS["EdDSA"], htu=htu)).iat == NOW
    assert verify(proof_of(KEYS["EdDSA"]), url=htu).iat == NOW


@pytest.mark.parametrize(
    "htu",
    [
        None,
        "",
        "/token",
        "token",
        "//id.example/token",
        "http://id.example/token",
        "https://id.example",
        "https://id.example/token/",
        "https://id.example/Token",
        "https://id.example/token/../introspect",
        "https://id.example//token",
        "https://id.example/token;a=b",
        "https://id.example:8443/token",
        "https://id.example.attacker.example/token",
        "https://id.example@attacker.example/token",
        "https://attacker@id.example/token",
        "https://attacker.example/https://id.example/token",
        "https://id.example%2ftoken",
        "https://id.example\\token",
        "https://id.example/to\tken",
        "https://id.example/token\n",
        " https://id.example/token",
        "https://id.example/token%",
        "https://id.example/token%zz",
        "https://\u0456d.example/token",
        "javascript:alert(1)",
        "https://",
        1,
        ["https://id.example/token"],
        {"htu": URL},
    ],
)
def test_check_9_htu_of_elsewhere_is_refused(htu: Any) -> None:
    refuse(proof_of(KEYS["EdDSA"], htu=htu))


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://a.example", "http://a.example/"),
        ("HTTP://A.Example:80?x#y", "http://a.example/"),
        ("https://a.example:0443/", "https://a.example/"),
        ("http://a.example:443/", "http://a.example:443/"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("http://127.0.0.1:5000/a//b/", "http://127.0.0.1:5000/a//b/"),
        ("https://a.example/%7euser/%2fx%3f", "https://a.example/~user/%2Fx%3F"),
        ("https://a.example/a/b/c/./../../g", "https://a.example/a/g"),
        ("https://a.example/a/b/..", "https://a.example/a/"),
        ("https://a.example/a/.", "https://a.example/a/"),
        ("https://a.example/../../a", "https://a.example/a"),
        ("https://a.example/%2e%2E/a", "https://a.example/a"),
    ],
)
def test_normalisation_is_that_of_rfc_3986(url: str, normal: str) -> None:
    assert normal_url(url) == normal
    assert normal_url(normal) == normal


@pytest.mark.parametrize("window", [0, 1, 60, 300])
def test_check_11_iat_is_within_the_window_on_both_sides(window: int) -> None:
    key = KEYS["EdDSA"]
    for offset in (-window, 0, window):
        assert verify(proof_of(key, iat=NOW + offset), window=window).iat == NOW + offset
    for offset in (-window - 1, window + 1):
        refuse(proof_of(key, iat=NOW + offset), window=window)


def test_check_11_exp_and_nbf_bind_when_they_are_there() -> None:
    key = KEYS["EdDSA"]
    assert verify(proof_of(key, exp=NOW + 1, nbf=NOW)).iat == NOW
    refuse(proof_of(key, exp=NOW - 60))
    refuse(proof_of(key, nbf=NOW + 61))


@pytest.mark.parametrize("claim", ["jti", "htm", "htu", "iat"])
def test_check_3_every_claim_is_required(key: SigningKey, claim: str) -> None:
    refuse(proof_of(key, **{claim: None}))


@pytest.mark.parametrize("text", ["", 1, True, ["a"], {"a": 1}, "a" * 257, "a\u0000b", "a\nb", "\u00e9", "\ud800"])
def test_jti_and_nonce_are_short_printable_text(text: Any) -> None:
    refuse(proof_of(KEYS["EdDSA"], jti=text))
    refuse(proof_of(KEYS["EdDSA"], nonce=text))


def test_null_nonce_is_refused() -> None:
    key = KEYS["EdDSA"]
    claims = b64url_encode(json.dumps({**CLAIMS, "nonce": None}).encode())
    signing_input = f"{b64url_encode(json.dumps(header_of(key)).encode())}.{claims}"
    refuse(f"{signing_input}.{b64url_encode(key.sign(signing_input.encode()))}")


def ath_of(access_token: str) -> str:
    return b64url_encode(sha256(access_token.encode()).digest())


def test_check_12_ath_is_the_hash_of_the_access_token(key: SigningKey) -> None:
    proof = proof_of(key, ath=ath_of("token"))
    assert verify(proof, access_token="token").jkt == key.kid
    refuse(proof, access_token="tokeN")
    refuse(proof, access_token="")
    refuse(proof_of(key), access_token="token")


@pytest.mark.parametrize("ath", ["", 1, True, ["a"], ath_of("token") + "=", ath_of("token")[:-1], "\u00e9", "\ud800"])
def test_check_12_malformed_ath_is_refused(ath: Any) -> None:
    refuse(proof_of(KEYS["EdDSA"], ath=ath), access_token="token")


def test_check_12_access_token_that_is_not_ascii_is_refused() -> None:
    refuse(proof_of(KEYS["EdDSA"], ath=ath_of("\u00e9")), access_token="\u00e9")


def test_proof_longer_than_the_limit_is_refused() -> None:
    refuse(proof_of(KEYS["EdDSA"], padding="a" * MAX_PROOF_BYTES))


@pytest.mark.parametrize("proof", [None, 1, b"a.b.c", ["a"]])
def test_what_is_no_text_is_refused(proof: Any) -> None:
    refuse(proof)


def test_refusals_do_not_repeat_the_proof() -> None:
    for changes in ({"htm": "5up3r"}, {"htu": "5up3r"}, {"jti": "5up3r\n"}, {"ath": "5up3r"}, {"iat": "5up3r"}):
        with pytest.raises(DpopError) as refused:
            verify(proof_of(KEYS["EdDSA"], **changes), access_token="token")
        assert "5up3r" not in str(refused.value)


def test_nonce_lives_for_its_period_and_the_next() -> None:
    nonces = ServerNonces(b"k" * 32, period=60)
    start = NOW - NOW % 60
    nonce = nonces.current(start)
    assert {nonces.current(start + offset) for offset in range(60)} == {nonce}
    assert all(nonces.accepts(nonce, start + offset) for offset in (0, 59, 60, 119))
    assert not nonces.accepts(nonce, start + 120)
    assert not nonces.accepts(nonce, start - 1)
    assert nonces.current(start + 60) != nonce


def test_nonce_is_good_on_every_worker_with_the_key_and_no_other() -> None:
    nonce = ServerNonces(b"k" * 32).current(NOW)
    assert ServerNonces(b"k" * 32).accepts(nonce, NOW)
    assert not ServerNonces(b"l" * 32).accepts(nonce, NOW)
    # Another period counts to the same number at another time.
    assert not ServerNonces(b"k" * 32, period=30).accepts(nonce, NOW // 2)


@pytest.mark.parametrize("nonce", ["", "a", "A" * 22, "\u00e9", "\ud800", "0" * 100_000, "\x00"])
def test_strange_nonces_are_not_accepted(nonce: str) -> None:
    assert ServerNonces(b"k" * 32).accepts(nonce, NOW) is False


def test_nonce_fits_the_grammar_of_rfc_9449_section_8_1() -> None:
    nonce = ServerNonces(bytes(range(32))).current(NOW)
    assert len(nonce) == 22
    assert all(c == "!" or "#" <= c <= "[" or "]" <= c <= "~" for c in nonce)


@pytest.mark.parametrize(("key", "period"), [(b"k" * 31, 60), (b"", 60), (b"k" * 32, 0), (b"k" * 32, -1)])
def test_nonces_want_a_whole_key_and_a_period(key: bytes, period: int) -> None:
    with pytest.raises(DpopError):
        ServerNonces(key, period)


JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.integers(), max_size=2)
)


@settings(max_examples=400, deadline=None, database=None)
@given(
    claims=st.dictionaries(
        st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce", "exp", "aud"]), JSON, max_size=3
    ),
    header=st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "kid", "crit", "x"]), JSON, max_size=2),
    access_token=st.none() | st.text(max_size=10),
)
def test_any_signed_proof_verifies_or_is_refused(
    claims: dict[str, Any], header: dict[str, Any], access_token: str | None
) -> None:
    key = KEYS["EdDSA"]
    try:
        proof = verify(proof_of(key, {**header_of(key), **header}, **claims), access_token=access_token)
    except DpopError:
        return
    assert proof.jkt == key.kid


@settings(max_examples=500, deadline=None, database=None)
@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z0-9.:@\[\]%/?#\\]{0,40}", fullmatch=True))
def test_any_address_normalises_once_or_is_refused(url: str) -> None:
    try:
        normal = normal_url(url)
    except DpopError:
        return
    assert normal_url(normal) == normal
    scheme, _, host, *path = normal.split("/")
    assert scheme in ("http:", "https:") and host == host.lower()
    assert path and not {".", ".."} & set(path)
    assert "?" not in normal and "#" not in normal

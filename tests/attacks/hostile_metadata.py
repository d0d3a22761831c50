"""Hostile client metadata documents (threats A22, A24, A27): names and bytes. None may cause a 5xx or a fetch."""

import json
from collections.abc import Iterator
from typing import Any

from idp.protocol.client_metadata import CONSTANT, REFUSED, REGISTERED
from tests.attacks.hostile_addresses import URL_HOSTS
from tests.attacks.hostile_values import BAD_DOCUMENTS, BAD_VALUES

Case = tuple[str, bytes]
URI = "https://app.example/cb"
RSA_MODULUS = "u" * 341 + "Q"
"""Odd, of 2,048 bits; not a product of two primes, which nobody checks."""

URI_MEMBERS = (
    "client_uri", "logo_uri", "policy_uri", "tos_uri", "jwks_uri", "sector_identifier_uri", "backchannel_logout_uri",
    "blindage_security_event_endpoint", "initiate_login_uri", "frontchannel_logout_uri",
)  # fmt: skip
EXECUTABLE = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)",
    "data:text/html,x", "vbscript:x", "view-source:https://x.example", "file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/", "ldap://127.0.0.1/", "jar:https://x.example!/", "\\\\host\\share",
    "https:\\\\evil.example",
    "https://app.example\r\nHost: evil.example", "https://app.example/\x00", "https://app.example/\ud7ff\u202e",
)  # fmt: skip
ODD: tuple[tuple[str, object], ...] = (
    ("null", None), ("true", True), ("zero", 0), ("minus one", -1), ("fraction", 0.1), ("2**53", 2**53 - 1),
    ("empty", ""),
    ("NUL", "\x00"), ("quotes", "'\";--"), ("60 kB", "A" * 60_000), ("empty list", []), ("list of null", [None]),
    ("list of lists", [[[[]]]]), ("list of objects", [{}, {"a": {}}]), ("10,000 items", ["x"] * 10_000), ("object", {}),
    ("odd object", {"__proto__": {"admin": True}, "$ne": None, "": ""}),
    ("deep", {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}),
)  # fmt: skip


def documents() -> Iterator[Case]:
    """All of them; every name once."""
    yield from BAD_DOCUMENTS
    for name, value in BAD_VALUES:
        yield f"redirect_uris is {name}", b'{"redirect_uris":' + value + b"}"
        yield f"an unknown member is {name}", b'{"redirect_uris":["' + URI.encode() + b'"],"unknown":' + value + b"}"
    for member in (*REGISTERED, *CONSTANT, *REFUSED):
        for name, odd in ODD:
            yield f"{member} is {name}", _document(**{member: odd})
    for name, members in (*_uris(), *_keys(), *_wishes()):
        yield name, _document(**members)
    yield from _shapes()


def _document(**members: Any) -> bytes:
    return json.dumps({"redirect_uris": [URI], **members}).encode("utf-8", "surrogatepass")


def _uris() -> Iterator[tuple[str, dict[str, Any]]]:
    for host in URL_HOSTS:
        for member in ("jwks_uri", "sector_identifier_uri", "backchannel_logout_uri", "logo_uri"):
            yield f"{member} leads to {host!r}", {member: f"https://{host}/"}
        yield f"redirect_uris leads to {host!r}", {"redirect_uris": [f"https://{host}/"]}
    for uri in EXECUTABLE:
        for member in URI_MEMBERS:
            yield f"{member} is {uri!r}", {member: uri}
        for member in ("redirect_uris", "post_logout_redirect_uris", "request_uris"):
            yield f"{member} holds {uri!r}", {member: [uri]}
    yield "everything leads inside", dict.fromkeys(URI_MEMBERS, "https://169.254.169.254/latest/meta-data/")
    yield "a thousand redirect URIs", {"redirect_uris": [f"{URI}/{number}" for number in range(1000)]}
    yield "one redirect URI a thousand times", {"redirect_uris": [URI] * 1000}
    yield "a redirect URI of 50 kB", {"redirect_uris": [URI + "x" * 50_000]}


def _keys() -> Iterator[tuple[str, dict[str, Any]]]:
    rsa = {"kty": "RSA", "n": RSA_MODULUS, "e": "AQAB"}
    for name, key in (
        ("RSA of 16,384 bits", {**rsa, "n": "_" * 2731}),
        ("RSA of 512 bits", {**rsa, "n": "_" * 86}),
        ("RSA with e = 1", {**rsa, "e": "AQ"}),
        ("RSA with an even e", {**rsa, "e": "Ag"}),
        ("RSA with e of 2,048 bits", {**rsa, "e": "_" * 342}),
        ("RSA with a private part", {**rsa, "d": "AQAB"}),
        ("octets", {"kty": "oct", "k": "AAAA"}),
        ("a point that is on no curve", {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}),
        ("an Ed25519 key that is short", {"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
        ("kty as a list", {"kty": ["RSA"], "n": "AA", "e": "AQAB"}),
        ("numbers for texts", {"kty": "RSA", "n": 1, "e": 65537}),
        ("a kid of 10 kB", {**rsa, "kid": "k" * 10_000}),
        ("a kid that is an object", {**rsa, "kid": {"$ne": 1}}),
        ("x5u to the metadata service", {"kty": "RSA", "x5u": "http://169.254.169.254/"}),
        ("jku", {**rsa, "jku": "https://evil.example/", "x5u": "https://evil.example/", "n": "AA"}),
    ):
        yield f"jwks with {name}", {"jwks": {"keys": [key]}, "token_endpoint_auth_method": "private_key_jwt"}
    yield "jwks of a thousand keys", {"jwks": {"keys": [{"kty": "RSA", "n": "AA", "e": "AQ"}] * 1000}}
    yield "jwks of 60 kB", {"jwks": {"keys": [{"kty": "oct", "note": "x" * 60_000}]}}
    yield "jwks in a text", {"jwks": json.dumps({"keys": [rsa]})}
    yield "jwks that is a list", {"jwks": [rsa]}
    yield "jwks and jwks_uri", {"jwks": {"keys": [rsa]}, "jwks_uri": "https://169.254.169.254/jwks"}


def _wishes() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "another client's id", {"client_id": "admin", "client_secret": "mine", "registration_access_token": "mine"}
    yield "already reviewed", {"state": "active", "blindage_state": "active", "reviewed_at": 1, "owner": "operator"}
    yield "every scope", {"scope": "openid age age_tokens offline_access admin " + "x " * 900}
    yield "no signature", {"id_token_signed_response_alg": "none", "userinfo_signed_response_alg": "none"}
    yield "a secret as key", {"id_token_signed_response_alg": "HS256"}
    yield "an HMAC as proof", {"token_endpoint_auth_method": "client_secret_jwt"}
    yield "public subjects", {"subject_type": "public"}
    yield "passwords", {"grant_types": ["password", "implicit", "client_credentials"], "response_types": ["token"]}
    yield "every age", {"blindage_thresholds": list(range(100))}
    yield "ages close together", {"blindage_thresholds": [14, 15, 16]}
    yield "no PKCE for a public client", {"blindage_require_pkce": False, "token_endpoint_auth_method": "none"}
    yield "FAPI without anything", {"blindage_fapi": True}
    yield "markup in every text", {
        "client_name": "<script>alert(1)</script>", "contacts": ["<img src=x onerror=alert(1)>"],
        "blindage_manifest": {"purpose": "{{7*7}}${7*7}<%= 7*7 %>", "contact": "</dd><script>"},
    }  # fmt: skip
    yield "a name turned around", {"client_name": "\u202eknaB ruoY"}
    yield "a name of another script", {"client_name": "\u0420\u0430\u0443\u0420\u0430l"}
    yield "a name of blanks", {"client_name": "\u3164" * 50}
    yield "the provider's name", {"client_name": "Blindage"}
    yield "names in tongues", {f"client_name#{n}": "x" * 50 for n in range(500)}
    yield "a statement", {"software_statement": "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9."}
    yield "a statement of nonsense", {"software_statement": {"alg": "none"}}


def _shapes() -> Iterator[Case]:
    yield "members twice", b'{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}'
    yield "members twice, escaped", b'{"redirect_uris":[],"redirect\\u005furis":["https://b.example/"]}'
    yield "ten thousand members", json.dumps({f"m{n}": 0 for n in range(5000)}).encode()
    yield "a name of 60 kB", json.dumps({"x" * 60_000: 1}).encode()
    yield "exactly 64 kB", b'{"x":"' + b"x" * (65_536 - 8) + b'"}'
    yield "more than 64 kB", b'{"x":"' + b"x" * 65_536 + b'"}'
    yield "a megabyte", b"[" * 1_000_000
    yield "only white space", b" " * 60_000
    yield "a form", b"redirect_uris=https%3A%2F%2Fapp.example%2Fcb"
    yield "XML", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
    yield "gzip", bytes.fromhex("1f8b0800000000000003")
    yield "a lone surrogate in a URI", b'{"redirect_uris":["https://app.example/\\ud800"]}'
    yield "a lone surrogate in a name", b'{"redirect_uris":["https://app.example/cb"],"client_name":"\\udfff"}'

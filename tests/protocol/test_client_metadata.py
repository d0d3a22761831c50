"""Every client metadata member is accounted for once, and treated as its place in the table says."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from idp.domain.client import Client
from idp.protocol import client_metadata as table
from tests.assertion_client import AssertionKey, key_set
from tests.registration import Desk, open_desk
from tests.relying_party import error_of

# The registry "OAuth Dynamic Client Registration Metadata", as far as its entries concern a client of this kind.
REGISTRY = """
authorization_details_types authorization_encrypted_response_alg authorization_encrypted_response_enc
authorization_signed_response_alg application_type backchannel_authentication_request_signing_alg
backchannel_client_notification_endpoint backchannel_logout_session_required backchannel_logout_uri
backchannel_token_delivery_mode backchannel_user_code_parameter claims_redirect_uris client_id client_id_issued_at
client_name client_registration_types client_secret client_secret_expires_at client_uri contacts default_acr_values
default_max_age description display_name dpop_bound_access_tokens frontchannel_logout_session_required
frontchannel_logout_uri grant_types id_token_encrypted_response_alg id_token_encrypted_response_enc
id_token_signed_response_alg information_uri initiate_login_uri introspection_encrypted_response_alg
introspection_encrypted_response_enc introspection_signed_response_alg jwks jwks_uri keywords logo_uri
nfv_token_encrypted_response_alg nfv_token_encrypted_response_enc nfv_token_signed_response_alg organization_name
organization_uri policy_uri post_logout_redirect_uris redirect_uris registration_access_token registration_client_uri
request_object_encryption_alg request_object_encryption_enc request_object_signing_alg request_uris require_auth_time
require_pushed_authorization_requests require_signed_request_object response_types scope sector_identifier_uri
signed_jwks_uri software_id software_statement software_version subject_type
tls_client_auth_san_dns tls_client_auth_san_email tls_client_auth_san_ip tls_client_auth_san_uri
tls_client_auth_subject_dn tls_client_certificate_bound_access_tokens token_endpoint_auth_method
token_endpoint_auth_signing_alg tos_uri use_mtls_endpoint_aliases userinfo_encrypted_response_alg
userinfo_encrypted_response_enc userinfo_signed_response_alg vp_formats_supported
""".split()

PLACES = {
    "registered": set(table.REGISTERED),
    "constant": set(table.CONSTANT),
    "refused": set(table.REFUSED),
    "ignored": set(table.IGNORED),
    "credentials": set(table.CREDENTIALS),
    "server": set(table.SERVER_FIELDS),
}
# What of a client nothing that it sends can decide.
NOT_ITS_OWN = {
    "id", "state", "created_at", "sector", "secret_hash", "secret_expires_at", "version", "resources", "own_resources",
    "registration_token_hash", "owner", "reviewed_at", "thresholds_changed_at",
}  # fmt: skip
WRONG_TYPES: dict[str, object] = {
    "number": 7.5, "object": {"x": [1]}, "nested list": [["x"]], "true": True, "text with a control": "a\u0007b",
    "text with a bidi mark": "a\u202eb", "long text": "x" * 2001, "list of numbers": [1, 2], "negative": -1,
    "huge": 10**12, "list of eleven": ["openid"] * 11, "unknown word": "bogus",
}  # fmt: skip
# Right values that happen to be of a kind in WRONG_TYPES.
FINE = {
    "client_name": {"unknown word", "true"},
    "blindage_manifest": {"object"},
}
KEY = AssertionKey()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One issuer for the tests of this module."""
    with open_desk(tmp_path_factory.mktemp("metadata")) as running:
        yield running


def test_every_registered_name_has_exactly_one_place() -> None:
    """issue: required, checked, ignored on purpose or refused."""
    for name in REGISTRY:
        assert [place for place, names in PLACES.items() if name in names] != [], name
    everywhere = [name for names in PLACES.values() for name in names]
    assert len(everywhere) == len(set(everywhere))


def test_what_is_in_the_table_is_in_the_registry_or_our_own() -> None:
    """A misspelt name would treat nothing."""
    strangers = {name for names in PLACES.values() for name in names} - set(REGISTRY)
    assert all(name.startswith("blindage_") for name in strangers), strangers


def test_every_field_of_a_client_is_decided_by_one_member_or_by_none_on_purpose() -> None:
    """A new field of `Client` has to be placed."""
    decided = [member.attribute for member in table.REGISTERED.values()]
    assert len(decided) == len(set(decided))
    assert {field.name for field in fields(Client)} == set(decided) | NOT_ITS_OWN
    assert not set(decided) & NOT_ITS_OWN


def good_values(desk: Desk) -> dict[str, Any]:
    """A right value of each registered member that is not the default."""
    host = desk.fresh_host()
    return {
        "redirect_uris": [f"https://{host}/cb"],
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token"],
        "client_name": "Poplar Radio",
        "client_uri": f"https://{host}/",
        "logo_uri": f"https://{host}/logo.svg",
        "scope": "openid",
        "contacts": ["a@poplar.example"],
        "tos_uri": f"https://{host}/tos",
        "policy_uri": f"https://{host}/policy",
        "jwks_uri": f"https://{host}/jwks",
        "jwks": key_set(KEY),
        "application_type": "native",
        "sector_identifier_uri": f"https://{host}/sector",
        "id_token_signed_response_alg": "EdDSA",
        "userinfo_signed_response_alg": "RS256",
        "token_endpoint_auth_signing_alg": "EdDSA",
        "default_max_age": 0,
        "require_auth_time": True,
        "post_logout_redirect_uris": [f"https://{host}/bye"],
        "backchannel_logout_uri": f"https://{host}/logout",
        "backchannel_logout_session_required": True,
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
        "introspection_signed_response_alg": "ES256",
        "blindage_category": "game",
        "blindage_thresholds": [12, 16],
        "blindage_manifest": {"version": 1, "purpose": "music"},
        "blindage_require_pkce": False,
        "blindage_security_event_endpoint": f"https://{host}/events",
    }


def test_every_registered_member_is_kept_and_returned(desk: Desk) -> None:
    """RFC 7591, section 3.2.1: alone, on top of the defaults; `blindage_fapi` needs others and has its own test."""
    assert good_values(desk).keys() | {"blindage_fapi"} == table.REGISTERED.keys()
    for name in good_values(desk):
        value = good_values(desk)[name]
        app = desk.registered(**{name: value})
        assert app.information[name] == value, name
        answer = app.send("GET").json
        assert isinstance(answer, dict) and answer[name] == value, name


@pytest.mark.parametrize("name", sorted(table.REGISTERED))
def test_a_value_of_a_wrong_kind_is_refused(desk: Desk, name: str) -> None:
    """RFC 7591, section 3.2.2."""
    error = "invalid_redirect_uri" if name == "redirect_uris" else "invalid_client_metadata"
    refused = 0
    for kind, value in WRONG_TYPES.items():
        answer = desk.ask(**{name: value})
        if answer.status_code == 201:
            assert isinstance(answer.json, dict)
            assert _may_be(name, kind, value), (name, kind)
        else:
            assert error_of(answer) == error, (name, kind)
            refused += 1
    assert refused >= 8, refused


def _may_be(name: str, kind: str, value: object) -> bool:
    """Whether a value is right for this member after all."""
    flags = {member for member, entry in table.REGISTERED.items() if entry.read is table._flag}
    texts = {"contacts"}
    return (
        (kind == "true" and name in flags)
        or (kind == "list of eleven" and name in texts)
        or kind in FINE.get(name, ())
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(table.REFUSED))
def test_a_promise_that_cannot_be_kept_is_refused(desk: Desk, name: str) -> None:
    """RFC 7591, section 3.2.2; `false` asks for nothing."""
    error = "unapproved_software_statement" if name == "software_statement" else "invalid_client_metadata"
    for value in ("RSA-OAEP", True, 1, ["x"], {"x": 1}):
        assert error_of(desk.ask(**{name: value})) == error
    for value in (False, None, "", []):
        assert name not in desk.registered(**{name: value}).information


@pytest.mark.parametrize("name", sorted(table.IGNORED))
def test_what_is_ignored_on_purpose_is_neither_read_nor_returned(desk: Desk, name: str) -> None:
    """RFC 7591, section 2."""
    for value in ("x", 7, True, ["x"], {"x": [1]}):
        answer = desk.ask(**{name: value})
        assert answer.status_code == 201 and isinstance(answer.json, dict)
        assert answer.json.get(name) in ((None,) if name != "blindage_state" else ("pending",))


@pytest.mark.parametrize("name", [*table.SERVER_FIELDS, *table.CREDENTIALS])
def test_nobody_chooses_their_own_credentials(desk: Desk, name: str) -> None:
    """RFC 7591, section 3.2.1: a first registration gets what the server gives."""
    answer = desk.ask(**{name: "my-own-choice"})
    assert answer.status_code == 201 and isinstance(answer.json, dict)
    assert answer.json[name] != "my-own-choice"


@pytest.mark.parametrize("value", ["public", "PAIRWISE", 1, ["pairwise"], {}])
def test_subjects_are_pairwise_and_nothing_else(desk: Desk, value: object) -> None:
    """OIDC Core, section 8: `subject_type`."""
    assert error_of(desk.ask(subject_type=value)) == "invalid_client_metadata"


@pytest.mark.parametrize("value", ["none", "HS256", "RS512", "ES256K", "ed25519", "rs256"])
@pytest.mark.parametrize(
    "name",
    [
        "id_token_signed_response_alg", "userinfo_signed_response_alg", "introspection_signed_response_alg",
        "token_endpoint_auth_signing_alg",
    ],
)  # fmt: skip
def test_algorithms_are_of_the_list(desk: Desk, name: str, value: str) -> None:
    """RFC 8725, section 3.1."""
    assert error_of(desk.ask(**{name: value})) == "invalid_client_metadata"


def test_keys_are_given_once_and_understood(desk: Desk) -> None:
    """RFC 7591, section 2: `jwks` and `jwks_uri` exclude each other; private keys are refused; threats A27."""
    keys, uri = key_set(KEY), "https://keys.example/jwks"
    private = {"keys": [{**KEY.key.as_dict(private=True)}]}
    oct_key = {"keys": [{"kty": "oct", "k": "AAAA"}]}
    for members in (
        {"jwks": keys, "jwks_uri": uri},
        {"jwks": private},
        {"jwks": oct_key},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [KEY.jwk] * 21}},
        {"jwks": {"keys": "x"}},
        {"jwks": [KEY.jwk]},
        {"token_endpoint_auth_method": "private_key_jwt"},
    ):
        assert error_of(desk.ask(**members)) == "invalid_client_metadata"
    # What is kept is what is understood: nothing that stood beside the key comes back.
    odd = {"keys": [{**KEY.jwk, "x5u": "https://evil.example/", "note": "x"}], "more": 1}
    assert desk.registered(jwks=odd).information["jwks"] == keys


@pytest.mark.parametrize(
    "value", [[17], [10, 18], [18, 18.0], ["18"], [True], [14, 16, 18, 12], [0], [-18], [10**9], []]
)
def test_thresholds_are_of_the_policys_list(desk: Desk, value: list[object]) -> None:
    """product.md: at most three, from the deployment's list; none means the usual one."""
    answer = desk.ask(blindage_thresholds=value)
    if value == []:
        assert answer.status_code == 201
    else:
        assert error_of(answer) == "invalid_client_metadata"


def test_a_manifest_is_read_part_by_part(desk: Desk) -> None:
    """issue: purpose, data use, retention, audience, contact, agreement version; what else it has is ignored."""
    whole = {part: f"about {part}" for part in table.DECLARED}
    app = desk.registered(blindage_manifest={**whole, "version": 77, "more": [1], "contact": None})
    del whole["contact"]
    assert app.information["blindage_manifest"] == {**whole, "version": 1}
    for bad in ("text", ["x"], 7, {"purpose": 7}, {"purpose": "a\u202eb"}, {"purpose": "x" * 1001}):
        assert error_of(desk.ask(blindage_manifest=bad)) == "invalid_client_metadata"

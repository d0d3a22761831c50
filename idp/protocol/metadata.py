"""Provider metadata (OIDC Discovery 1.0, section 3; RFC 8414, section 2), made from what is enabled."""

from typing import Any

from idp.domain.signing_key import JWKS_MAX_AGE
from idp.protocol import dpop
from idp.protocol.authorization import checks, request_object
from idp.protocol.claims import claims_supported
from idp.protocol.client_authentication import METHODS
from idp.protocol.provider import Provider
from idp.protocol.server import TokenServer
from idp.services.clients import CLIENT_SIGNING_ALGS, SIGNING_ALGS

MAX_AGE = JWKS_MAX_AGE
"""Seconds a client may cache the document."""


def provider_metadata(provider: Provider, server: TokenServer, endpoints: dict[str, str]) -> dict[str, Any]:
    """The discovery document. `endpoints` maps metadata names to the paths that are really served."""
    offer = provider.realm.offer
    return {
        "issuer": provider.issuer,
        **{name: provider.issuer + path for name, path in endpoints.items()},
        "scopes_supported": list(offer.scopes),
        "response_types_supported": list(checks.RESPONSE_TYPES),
        "response_modes_supported": list(checks.RESPONSE_MODES),
        "grant_types_supported": list(server.grant_types),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": list(SIGNING_ALGS),
        "userinfo_signing_alg_values_supported": list(SIGNING_ALGS),
        **_client_authentication(endpoints),
        "dpop_signing_alg_values_supported": list(dpop.ALGORITHMS),
        "require_pushed_authorization_requests": provider.require_par,
        "backchannel_logout_supported": offer.tells_apps,
        "backchannel_logout_session_supported": offer.tells_apps,
        "code_challenge_methods_supported": list(checks.CODE_CHALLENGE_METHODS),
        "prompt_values_supported": list(checks.PROMPT_VALUES),
        "acr_values_supported": [level.value for level in offer.levels],
        "claim_types_supported": ["normal"],
        "claims_supported": claims_supported(provider.realm),
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_object_signing_alg_values_supported": list(request_object.ALGORITHMS),
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "ui_locales_supported": ["en", "zh-Hans"],
        "authorization_response_iss_parameter_supported": True,
    }


def _client_authentication(endpoints: dict[str, str]) -> dict[str, list[str]]:
    """The methods are the same at every endpoint that authenticates clients (RFC 8414, section 2)."""
    stated: dict[str, list[str]] = {}
    for name in ("token", "introspection", "revocation"):
        if f"{name}_endpoint" in endpoints:
            # Introspection answers confidential clients only (RFC 7662, section 2.1).
            methods = [method for method in METHODS if name != "introspection" or method != "none"]
            stated[f"{name}_endpoint_auth_methods_supported"] = methods
            stated[f"{name}_endpoint_auth_signing_alg_values_supported"] = list(CLIENT_SIGNING_ALGS)
    if "introspection_endpoint" in endpoints:
        stated["introspection_signing_alg_values_supported"] = list(SIGNING_ALGS)
    return stated

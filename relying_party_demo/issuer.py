"""Authlib's Flask client with what it leaves to the app: proof of the metadata, and one signature algorithm."""

from typing import Any

from authlib.integrations.flask_client import FlaskOAuth2App, OAuth

from relying_party_demo.configuration import Configuration

SCOPE = "openid age"
AGE_BANDS = ["minor", "adult"]
ID_TOKEN_ALG = "RS256"
"""What the client is registered with (OIDC Registration, `id_token_signed_response_alg`); no other is believed."""

TIMEOUT_SECONDS = 10
LEEWAY_SECONDS = 60

_DISCOVERY = "/.well-known/openid-configuration"
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_CALLED_BY_SERVER = ("token_endpoint", "jwks_uri", "userinfo_endpoint")


class WrongMetadata(Exception):
    """What was found at the issuer's address does not describe the issuer (OIDC Discovery, section 4.3)."""


class IssuerClient(FlaskOAuth2App):
    """One OpenID provider as this app sees it."""

    def __init__(self, *args: Any, issuer: str, server_issuer_url: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.issuer = issuer
        self._server_issuer_url = server_issuer_url

    def load_server_metadata(self) -> dict[str, Any]:
        """Discovery, once; what it says is used only after it was checked. WrongMetadata, requests' exceptions."""
        if "issuer" not in self.server_metadata:
            with self._get_session() as http:
                answer = http.request("GET", self._server_issuer_url + _DISCOVERY, withhold_token=True)
                answer.raise_for_status()
                checked = self._checked(answer.json())
            self.server_metadata.update(checked)
        return self.server_metadata

    def claims_options(self) -> dict[str, dict[str, Any]]:
        """What an ID token must say, beyond what Authlib asks of every one (OIDC Core, section 3.1.3.7)."""
        return {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client_id},
            "sub": {"essential": True},
            "nonce": {"essential": True},
            # A hook, since with `values` a list that holds one of them would do.
            "age_band": {"essential": True, "validate": lambda _, band: band in AGE_BANDS},
        }

    def _checked(self, metadata: Any) -> dict[str, Any]:
        if not isinstance(metadata, dict) or metadata.get("issuer") != self.issuer:
            raise WrongMetadata("the metadata is another issuer's")
        if not all(isinstance(metadata.get(name), str) for name in _NEEDED):
            raise WrongMetadata("the metadata lacks an endpoint")
        here = {
            name: self._server_issuer_url + metadata[name].removeprefix(self.issuer)
            for name in _CALLED_BY_SERVER
            if str(metadata.get(name)).startswith(self.issuer + "/")
        }
        # Authlib believes every algorithm that stands here.
        return {**metadata, **here, "id_token_signing_alg_values_supported": [ID_TOKEN_ALG]}


def register_issuer(oauth: OAuth, configuration: Configuration, name: str = "blindage") -> IssuerClient:
    """The client of the configured issuer: code flow, PKCE with S256, secret in the Authorization header.

    `name` keeps what the session holds of two issuers apart.
    """
    client: IssuerClient = oauth.register(
        name,
        client_cls=IssuerClient,
        issuer=configuration.issuer,
        server_issuer_url=configuration.server_issuer_url,
        client_id=configuration.client_id,
        client_secret=configuration.client_secret,
        client_kwargs={
            "scope": SCOPE,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": "client_secret_basic",
            "default_timeout": TIMEOUT_SECONDS,
        },
    )
    return client

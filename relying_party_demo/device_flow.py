"""How an app on a television gets to know an age band: the device flow (RFC 8628), and what it believes of it.

 1 the metadata is the issuer's own   3 polls in the agreed time, longer after slow_down
 2 codes, of which one is shown       4 the ID token: signature, iss, aud, exp, nonce, age_band
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException, Session
from requests.auth import HTTPBasicAuth

from relying_party_demo.configuration import DeviceConfiguration
from relying_party_demo.issuer import AGE_BANDS, ID_TOKEN_ALG, LEEWAY_SECONDS, SCOPE, TIMEOUT_SECONDS, WrongMetadata

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
DEFAULT_INTERVAL = 5
_DISCOVERY = "/.well-known/openid-configuration"
_NEEDED = ("device_authorization_endpoint", "token_endpoint", "jwks_uri")


class Ended(Exception):
    """Nobody was signed in. `word` names the text that says why (see `languages`)."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@dataclass(frozen=True, slots=True)
class Codes:
    """What the issuer gave: `user_code` and the addresses are shown, the device code is not. Times in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: float
    interval: float


@dataclass(frozen=True, slots=True)
class Viewer:
    """All that the app knows of who is in front of it."""

    sub: str
    age_band: str


class DeviceFlow:
    """One try. `sleep` and `monotonic` pass and tell the time between polls."""

    def __init__(
        self,
        configuration: DeviceConfiguration,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._configuration = configuration
        self._sleep, self._monotonic = sleep, monotonic
        self._http = Session()
        self._nonce = secrets.token_urlsafe(16)
        self._metadata: dict[str, Any] = {}

    def begin(self, ui_locales: str) -> Codes:
        """Ask for codes; Ended when the issuer cannot be reached or is another one."""
        try:
            self._metadata = self._discovered()
            form = {
                "scope": SCOPE,
                "nonce": self._nonce,
                "ui_locales": ui_locales,
                "blindage_device_type": "television",
            }
            status, body = self._post("device_authorization_endpoint", form)
            if status != 200:
                raise Ended("failed")
            return Codes(
                device_code=body["device_code"],
                user_code=body["user_code"],
                verification_uri=body["verification_uri"],
                # Optional (RFC 8628, section 3.2): then the code is typed in.
                verification_uri_complete=body.get("verification_uri_complete", body["verification_uri"]),
                expires_in=float(body["expires_in"]),
                interval=float(body.get("interval", DEFAULT_INTERVAL)),
            )
        except RequestException as error:
            raise Ended("unreachable") from error
        except (WrongMetadata, ValueError, TypeError, LookupError, AttributeError) as error:
            raise Ended("untrusted") from error

    def wait(self, codes: Codes) -> Viewer:
        """Poll until somebody has answered; Ended when that was a no, or none in time."""
        ends_at, interval = self._monotonic() + codes.expires_in, codes.interval
        form = {"grant_type": GRANT_TYPE, "device_code": codes.device_code}
        while True:
            self._sleep(interval)
            if self._monotonic() >= ends_at:
                raise Ended("tv_expired")
            try:
                status, body = self._post("token_endpoint", form)
            except RequestException:
                status, body = 503, {}
            except ValueError as error:
                raise Ended("untrusted") from error
            if status in (429, 502, 503, 504):
                # Twice the time, as after a lost connection (RFC 8628, section 3.5).
                interval *= 2
                continue
            if status == 200:
                return self._believed(body)
            error_code = body.get("error")
            if error_code == "slow_down":
                interval += 5
            elif error_code != "authorization_pending":
                raise Ended({"access_denied": "declined", "expired_token": "tv_expired"}.get(str(error_code), "failed"))

    def _discovered(self) -> dict[str, Any]:
        answer = self._http.get(self._configuration.issuer + _DISCOVERY, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        metadata = answer.json()
        if not isinstance(metadata, dict) or metadata.get("issuer") != self._configuration.issuer:
            raise WrongMetadata("the metadata is another issuer's")
        if not all(isinstance(metadata.get(name), str) for name in _NEEDED):
            raise WrongMetadata("the metadata lacks an endpoint")
        return metadata

    def _post(self, endpoint: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a request, authenticated by the secret, or by the client's name alone without one."""
        configuration = self._configuration
        auth = None
        if configuration.client_secret is None:
            form = {**form, "client_id": configuration.client_id}
        else:
            auth = HTTPBasicAuth(configuration.client_id, configuration.client_secret)
        answer = self._http.post(
            self._metadata[endpoint], data=form, auth=auth, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
        body = answer.json()
        if not isinstance(body, dict):
            raise ValueError("the answer is no JSON object")
        return answer.status_code, body

    def _believed(self, body: dict[str, Any]) -> Viewer:
        """What the ID token says, after every check of OIDC Core, section 3.1.3.7; Ended when one fails."""
        try:
            keys = KeySet.import_key_set(self._http.get(self._metadata["jwks_uri"], timeout=TIMEOUT_SECONDS).json())
            claims = jwt.decode(body["id_token"], keys, algorithms=[ID_TOKEN_ALG]).claims
            registry = jwt.JWTClaimsRegistry(
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self._configuration.issuer},
                aud={"essential": True, "value": self._configuration.client_id},
                exp={"essential": True},
                nonce={"essential": True, "value": self._nonce},
                sub={"essential": True},
                age_band={"essential": True},
            )
            registry.validate(claims)
            if claims["aud"] != self._configuration.client_id or claims["age_band"] not in AGE_BANDS:
                raise ValueError("the token is for somebody else too, or its band is unknown")
            return Viewer(str(claims["sub"]), str(claims["age_band"]))
        except RequestException as error:
            raise Ended("unreachable") from error
        except (JoseError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise Ended("untrusted") from error

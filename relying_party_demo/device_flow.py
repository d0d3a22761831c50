"""The device flow (RFC 8628) of a television that gets to know an age band, and of a program that fetches age tokens.

 1 the metadata is the issuer's own   3 polls in the agreed time, longer after slow_down
 2 codes, of which one is shown       4 the ID token: signature, iss, aud, exp, nonce, age_band; or the access token
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
    """One try. `sleep` and `monotonic` pass and tell the time between polls.

    `device_type` names the kind of device to the person, where the issuer knows that kind.
    """

    def __init__(
        self,
        configuration: DeviceConfiguration,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        scope: str = SCOPE,
        device_type: str | None = "television",
    ) -> None:
        self._configuration = configuration
        self._scope, self._device_type = scope, device_type
        self._sleep, self._monotonic = sleep, monotonic
        self._http = Session()
        self._nonce = secrets.token_urlsafe(16)
        self._metadata: dict[str, Any] = {}

    def begin(self, ui_locales: str) -> Codes:
        """Ask for codes; Ended when the issuer cannot be reached or is another one."""
        try:
            self._metadata = self._discovered()
            form = {"scope": self._scope, "nonce": self._nonce, "ui_locales": ui_locales}
            if self._device_type is not None:
                form["blindage_device_type"] = self._device_type
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
        """Who answered, by the ID token; Ended when that was a no, or nobody did in time."""
        return self._believed(self._answered(codes))

    def wait_for_access_token(self, codes: Codes) -> str:
        """The access token, where a scope without `openid` was asked for; Ended as for `wait`, or of another scope."""
        body = self._answered(codes)
        token, kind = body.get("access_token"), str(body.get("token_type")).lower()
        # Left out, the scope is what was asked for (RFC 6749, section 5.1).
        if not isinstance(token, str) or kind != "bearer" or body.get("scope", self._scope) != self._scope:
            raise Ended("untrusted")
        return token

    def _answered(self, codes: Codes) -> dict[str, Any]:
        """Poll until somebody has answered; the token response, of which nothing has been checked."""
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
                return body
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

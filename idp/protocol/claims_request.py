"""The `claims` parameter (OIDC Core, section 5.5), reduced to what this provider can answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from crypto.errors import EncodingError
from crypto.strict_json import parse_json_strict
from idp.domain.scope import AGE_OVER_PREFIX
from idp.protocol.errors import InvalidRequest

MAX_BYTES = 4096
_ID_TOKEN, _USERINFO = "id_token", "userinfo"


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """What was asked for by `claims`, after unknown claims were dropped.

    `id_token` and `userinfo` name age claims to deliver there; `subject` the only subject to answer for;
    `auth_time` whether it was asked; `acr_values` acceptable levels, `acr_essential` whether to fail without one.
    """

    id_token: frozenset[str] = frozenset()
    userinfo: frozenset[str] = frozenset()
    subject: str | None = None
    auth_time: bool = False
    acr_values: tuple[str, ...] = ()
    acr_essential: bool = False

    @property
    def age_claims(self) -> frozenset[str]:
        """Every age claim asked for anywhere."""
        return self.id_token | self.userinfo

    def compact(self) -> str:
        """The part that must be remembered in the grant: which age claims to deliver where. Empty when none."""
        if not self.age_claims:
            return ""
        return orjson.dumps([sorted(self.id_token), sorted(self.userinfo)]).decode()

    @classmethod
    def from_compact(cls, text: str) -> "ClaimsRequest":
        """The inverse of `compact`."""
        if not text:
            return NOTHING
        id_token, userinfo = orjson.loads(text)
        return cls(frozenset(id_token), frozenset(userinfo))


NOTHING = ClaimsRequest()


def parse_claims_request(
    text: str | None, thresholds: tuple[int, ...], age_claims: tuple[str, ...]
) -> ClaimsRequest:
    """Read a `claims` parameter. Unknown claims and members are ignored; malformed JSON is InvalidRequest.

    `thresholds` are the ages the client may test: `age_over_NN` of any other age counts as unknown. `age_claims` are
    the others that are offered here.
    """
    if text is None:
        return NOTHING
    if len(text) > MAX_BYTES:
        raise InvalidRequest("claims is too long")
    try:
        document = parse_json_strict(text)
    except EncodingError as error:
        raise InvalidRequest("claims is not JSON") from error
    if not isinstance(document, dict):
        raise InvalidRequest("claims is not a JSON object")
    id_token, userinfo = _member(document, _ID_TOKEN), _member(document, _USERINFO)
    known = {*age_claims, *(f"{AGE_OVER_PREFIX}{age}" for age in thresholds)}
    acr = _options(id_token.get("acr")) if "acr" in id_token else _options(userinfo.get("acr"))
    return ClaimsRequest(
        id_token=frozenset(known & id_token.keys()),
        userinfo=frozenset(known & userinfo.keys()),
        subject=_subject(id_token, userinfo),
        auth_time="auth_time" in id_token,
        acr_values=_acr_values(acr),
        acr_essential=acr.get("essential") is True,
    )


def _member(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    member = document.get(name, {})
    if member is None:
        return {}
    if not isinstance(member, dict):
        raise InvalidRequest("a member of claims is not a JSON object")
    for options in member.values():
        if options is not None and not isinstance(options, dict):
            raise InvalidRequest("a claim's options are neither null nor a JSON object")
    return member


def _options(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _subject(*members: Mapping[str, Any]) -> str | None:
    for member in members:
        value = _options(member.get("sub")).get("value")
        if value is not None:
            # A value that is no text can be nobody's subject; the check against ours will say so.
            return value if isinstance(value, str) else ""
    return None


def _acr_values(options: Mapping[str, Any]) -> tuple[str, ...]:
    values = options.get("values", [])
    several = values if isinstance(values, list) else []
    return tuple(value for value in (options.get("value"), *several) if isinstance(value, str))

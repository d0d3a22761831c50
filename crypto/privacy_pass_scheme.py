"""The HTTP authentication scheme `PrivateToken` (RFC 9577, section 2), in the grammar of RFC 9110."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crypto.encoding import b64_padded_url_decode, b64_padded_url_encode
from crypto.errors import EncodingError, TokenError
from crypto.privacy_pass import Token
from crypto.privacy_pass_challenge import TokenChallenge

SCHEME = "PrivateToken"
# A challenge with the longest names takes more; no server sends headers of that length.
HEADER_MAX = 16384
CHALLENGES_MAX = 32
MAX_AGE_DIGITS = 10

# RFC 9110: section 5.6.2 token, 5.6.4 quoted-string, 11.2 token68. A bare value may end in "=" besides: RFC
# 9577 (section 2.1.2) has padded base64url there, and such headers are met in the wild.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"((?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*+)"'
_SCHEME = re.compile(rf"({_TOKEN})(?=[ ,]|\Z)")
_PARAMETER = re.compile(rf"({_TOKEN})[ \t]*=[ \t]*(?:{_QUOTED}|({_TOKEN}=*))(?=[ \t]*(?:,|\Z))")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|\Z))")
_SPACES = re.compile(r" +")
_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*)+|[ \t]+\Z")
_QUOTED_PAIR = re.compile(r"\\(.)")
_MAX_AGE = re.compile(rf"[0-9]{{1,{MAX_AGE_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class PrivateTokenChallenge:
    """One `PrivateToken` challenge (RFC 9577, section 2.1.2): what the origin sent, decoded, not yet judged.

    `challenge` is the TokenChallenge as bytes, since other token types may give it another structure;
    `token_key` is the issuer's key, if the origin named it; `max_age` is in seconds."""

    challenge: bytes
    token_key: bytes | None = None
    max_age: int | None = None

    def __post_init__(self) -> None:
        if len(self.challenge) < 2:
            raise TokenError("challenge has no token type")
        if self.max_age is not None and not 0 <= self.max_age < 10**MAX_AGE_DIGITS:
            raise TokenError("max-age is out of range")

    @property
    def token_type(self) -> int:
        """The token type asked for; clients ignore challenges of types they do not know (section 2.1.1)."""
        return int.from_bytes(self.challenge[:2], "big")

    def token_challenge(self) -> TokenChallenge:
        """The challenge as the default structure; TokenError if it is not that."""
        return TokenChallenge.from_bytes(self.challenge)


def format_www_authenticate(challenges: Iterable[PrivateTokenChallenge]) -> str:
    """The value of a `WWW-Authenticate` field, the preferred challenge first (RFC 9577, section 2.1.2)."""
    return ", ".join(_challenge_text(challenge) for challenge in challenges)


def parse_www_authenticate(value: str) -> tuple[PrivateTokenChallenge, ...]:
    """The `PrivateToken` challenges of a `WWW-Authenticate` field in order, if any (RFC 9577, section 2.1.2).

    Unknown parameters are passed over. TokenError when the field is not of RFC 9110's form, or a
    `PrivateToken` challenge lacks `challenge`, repeats a parameter, or carries one that does not decode."""
    found: list[PrivateTokenChallenge] = []
    for scheme, parameters in _read_challenges(value):
        if scheme.lower() != SCHEME.lower():
            continue
        named = _by_name(parameters)
        token_key = named.get("token-key")
        max_age = named.get("max-age")
        found.append(
            PrivateTokenChallenge(
                _decode(_required(named, "challenge"), "challenge"),
                None if token_key is None else _decode(token_key, "token-key"),
                None if max_age is None else _seconds(max_age),
            )
        )
    return tuple(found)


def format_authorization(token: Token) -> str:
    """The value of an `Authorization` field that spends `token` (RFC 9577, section 2.2.2)."""
    return f'{SCHEME} token="{b64_padded_url_encode(token.to_bytes())}"'


def parse_authorization(value: str) -> Token:
    """The token of an `Authorization` field (RFC 9577, section 2.2.2), not yet verified.

    TokenError unless the field holds `PrivateToken` credentials with one whole token of type 0x0002."""
    credentials = list(_read_challenges(value))
    if len(credentials) != 1 or credentials[0][0].lower() != SCHEME.lower():
        raise TokenError("not PrivateToken credentials")
    return Token.from_bytes(_decode(_required(_by_name(credentials[0][1]), "token"), "token"))


def _challenge_text(challenge: PrivateTokenChallenge) -> str:
    # All values quoted: padding makes it a must for the first two, and section 2.1.2 shows them so.
    text = f'{SCHEME} challenge="{b64_padded_url_encode(challenge.challenge)}"'
    if challenge.token_key is not None:
        text += f', token-key="{b64_padded_url_encode(challenge.token_key)}"'
    if challenge.max_age is not None:
        text += f', max-age="{challenge.max_age}"'
    return text


def _read_challenges(value: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The schemes of a field with their parameters (RFC 9110, sections 11.4 and 11.6.1)."""
    if len(value) > HEADER_MAX:
        raise TokenError("header field is too long")
    # Empty list elements count for nothing (RFC 9110, section 5.6.1.2).
    value = value.strip(" \t").lstrip(" \t,")
    position = 0
    for _ in range(CHALLENGES_MAX):
        scheme = _SCHEME.match(value, position)
        if scheme is None:
            raise TokenError("header field is malformed")
        parameters, position = _read_parameters(value, scheme.end())
        yield scheme.group(1), parameters
        if position == len(value):
            return
    raise TokenError("header field has too many challenges")


def _read_parameters(value: str, position: int) -> tuple[list[tuple[str, str]], int]:
    parameters: list[tuple[str, str]] = []
    spaces = _SPACES.match(value, position)
    if spaces is not None:
        position = spaces.end()
        # Not a parameter: token68 credentials of another scheme (Negotiate), which say nothing to us.
        token68 = None if _PARAMETER.match(value, position) else _TOKEN68.match(value, position)
        if token68 is not None:
            position = token68.end()
    while True:
        parameter = _PARAMETER.match(value, position)
        if parameter is not None:
            name, quoted, bare = parameter.groups()
            parameters.append((name.lower(), bare if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)))
            position = parameter.end()
        separator = _SEPARATOR.match(value, position)
        if separator is None:
            return parameters, position
        position = separator.end()
        if _PARAMETER.match(value, position) is None:
            return parameters, position


def _by_name(parameters: list[tuple[str, str]]) -> dict[str, str]:
    named = dict(parameters)
    if len(named) != len(parameters):
        raise TokenError("a parameter is repeated")
    return named


def _required(named: dict[str, str], name: str) -> str:
    if name not in named:
        raise TokenError(f"{name} is missing")
    return named[name]


def _decode(text: str, name: str) -> bytes:
    try:
        return b64_padded_url_decode(text)
    except EncodingError:
        raise TokenError(f"{name} is not padded base64url") from None


def _seconds(text: str) -> int:
    if _MAX_AGE.fullmatch(text) is None:
        raise TokenError("max-age is not a number of seconds")
    return int(text)

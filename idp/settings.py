"""Settings, from the environment (prefix BLINDAGE_), checked once at start; a wrong one stops the start.

`docs/operations.md` lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from idp.domain.age_token import QUOTA, QUOTA_MAX, WALLET_BATCH
from idp.domain.errors import Refused
from idp.domain.redirect_uri import is_loopback_host, split_uri

PREFIX = "BLINDAGE_"


class Role(StrEnum):
    """Which half a server is: the account issuer, or the door of the veiled profile."""

    ACCOUNT = "account"
    DOOR = "door"


class SettingsError(Refused):
    """A setting is missing or wrong; the text names it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__("bad_setting", f"{PREFIX}{name}: {text}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a server is told from outside.

    `issuer` the exact `iss`; `data_dir` holds the embedded database, the master key and the lock file;
    `proxy_hops` how many trusted proxies stand in front; `policy` a name in `idp/policies`;
    `door_issuer` is the door that an account issuer's wallet lives at, `account_issuer` whose tokens a door takes;
    `token_log_key` and `token_log_witnesses` whom a door believes (verifier lines of C2SP signed notes);
    `open_registration` whether apps register themselves without an initial access token;
    `token_quota` how many age tokens an account may have signed in an epoch;
    `require_par` whether all apps must push their requests (RFC 9126);
    `breached_passwords_file` sorted SHA-1 digests of passwords to refuse; `security_contact` for `security.txt`.
    """

    issuer: str
    role: Role
    data_dir: Path
    database_url: str | None
    redis_url: str | None
    master_key_file: Path
    proxy_hops: int
    policy: str
    rate_limits: bool
    door_issuer: str | None
    metrics_token_file: Path | None = None
    breached_passwords_file: Path | None = None
    security_contact: str | None = None
    account_issuer: str | None = None
    token_log_key: str | None = None
    token_log_witnesses: tuple[str, ...] = ()
    open_registration: bool = True
    token_quota: int = QUOTA
    require_par: bool = False

    @property
    def loopback(self) -> bool:
        """Whether the issuer is this machine."""
        return is_loopback_host(urlsplit(self.issuer).hostname)

    def metrics_token(self) -> str | None:
        """The token that opens `/metrics` from elsewhere; None: this machine only."""
        if self.metrics_token_file is None:
            return None
        token = self.metrics_token_file.read_text("ascii").strip()
        if len(token) < 32:
            raise SettingsError("METRICS_TOKEN_FILE", "the token has at least 32 characters")
        return token

    @property
    def host(self) -> str:
        """Host and port of the issuer, as a `Host` header names them."""
        return urlsplit(self.issuer).netloc


def read_settings(environ: Mapping[str, str], default_issuer: str, role: str | None = None) -> Settings:
    """Settings of a process; SettingsError for the first that is wrong. Unknown BLINDAGE_ names are refused."""
    known = {
        "ISSUER", "DOOR_ISSUER", "ROLE", "DATA_DIR", "DATABASE_URL", "REDIS_URL",
        "MASTER_KEY_FILE", "PROXY_HOPS", "POLICY", "RATE_LIMITS", "METRICS_TOKEN_FILE",
        "REGISTRATION", "BREACHED_PASSWORDS_FILE", "SECURITY_CONTACT",
        "ACCOUNT_ISSUER", "TOKEN_LOG_KEY", "TOKEN_LOG_WITNESSES", "TOKEN_QUOTA",
        "REQUIRE_PAR",
    }  # fmt: skip
    given = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX) and value}
    for name in sorted(given.keys() - known):
        raise SettingsError(name, "no such setting")
    issuer = _issuer("ISSUER", given.get("ISSUER", default_issuer))
    data_dir = Path(given.get("DATA_DIR", "var"))
    settings = Settings(
        issuer=issuer,
        role=_one_of("ROLE", role or given.get("ROLE", "account"), Role),
        data_dir=data_dir,
        database_url=given.get("DATABASE_URL"),
        redis_url=given.get("REDIS_URL"),
        master_key_file=Path(given.get("MASTER_KEY_FILE", data_dir / "master-key.json")),
        proxy_hops=_hops(given.get("PROXY_HOPS", "0")),
        policy=given.get("POLICY", "cn"),
        rate_limits=_switch("RATE_LIMITS", given.get("RATE_LIMITS", "on")),
        door_issuer=_issuer("DOOR_ISSUER", given["DOOR_ISSUER"]) if "DOOR_ISSUER" in given else None,
        metrics_token_file=Path(given["METRICS_TOKEN_FILE"]) if "METRICS_TOKEN_FILE" in given else None,
        breached_passwords_file=(
            Path(given["BREACHED_PASSWORDS_FILE"]) if "BREACHED_PASSWORDS_FILE" in given else None
        ),
        security_contact=_contact(given["SECURITY_CONTACT"]) if "SECURITY_CONTACT" in given else None,
        account_issuer=_issuer("ACCOUNT_ISSUER", given["ACCOUNT_ISSUER"]) if "ACCOUNT_ISSUER" in given else None,
        token_log_key=given.get("TOKEN_LOG_KEY"),
        token_log_witnesses=tuple(given.get("TOKEN_LOG_WITNESSES", "").split()),
        open_registration=_switch("REGISTRATION", given.get("REGISTRATION", "open"), on="open", off="token"),
        token_quota=_quota(given.get("TOKEN_QUOTA", str(QUOTA))),
        require_par=_switch("REQUIRE_PAR", given.get("REQUIRE_PAR", "off")),
    )
    if not settings.rate_limits and not settings.loopback:
        raise SettingsError("RATE_LIMITS", "may be off for a loopback issuer only")
    if settings.role is Role.DOOR:
        _check_apart("ACCOUNT_ISSUER", issuer, settings.account_issuer)
    else:
        _check_apart("DOOR_ISSUER", issuer, settings.door_issuer)
        if settings.require_par and settings.door_issuer is not None:
            # It would be shut out, and an exception for it would make the metadata untrue.
            raise SettingsError("REQUIRE_PAR", "the wallet of a door does not push its requests")
    return settings


def _check_apart(name: str, issuer: str, other: str | None) -> None:
    """The two halves have hosts of their own: cookies know no ports, and would tell one half of the other."""
    if other is not None and urlsplit(other).hostname == urlsplit(issuer).hostname:
        raise SettingsError(name, "door and account issuer need different hosts")


def _issuer(name: str, url: str) -> str:
    try:
        parts = split_uri(url)
    except Refused as error:
        raise SettingsError(name, str(error)) from error
    if parts.query or parts.fragment or "?" in url or "#" in url or url.endswith("/"):
        raise SettingsError(name, "an issuer has no query, no fragment and no slash at its end")
    if not parts.hostname or parts.netloc != parts.netloc.lower():
        raise SettingsError(name, "an issuer has a host in lower case")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.hostname)):
        raise SettingsError(name, "an issuer is https, or http on a loopback address")
    return url


def _contact(text: str) -> str:
    """An address for people who found a weakness: RFC 9116, section 2.5.3."""
    plain = text.isascii() and text.isprintable() and " " not in text
    if not plain or not text.startswith(("https://", "mailto:", "tel:")):
        raise SettingsError("SECURITY_CONTACT", "an address that begins with https:, mailto: or tel:")
    return text


def _one_of(name: str, text: str, kind: type[Role]) -> Role:
    try:
        return kind(text)
    except ValueError as error:
        raise SettingsError(name, "one of " + ", ".join(kind)) from error


def _hops(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 9:
        raise SettingsError("PROXY_HOPS", "a number from 0 to 9")
    return int(text)


def _quota(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not WALLET_BATCH <= int(text[:9]) <= QUOTA_MAX:
        raise SettingsError("TOKEN_QUOTA", f"a number from {WALLET_BATCH}, a wallet's batch, to {QUOTA_MAX}")
    return int(text)


def _switch(name: str, text: str, on: str = "on", off: str = "off") -> bool:
    if text not in (on, off):
        raise SettingsError(name, f"{on} or {off}")
    return text == on

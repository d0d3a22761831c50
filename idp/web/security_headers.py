"""Security headers of every page (RFC 9700, sections 4.2.4 and 4.16; CSP Level 3)."""

import base64
import hashlib
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

HSTS = "max-age=31536000"
"""One year. Without includeSubDomains: the operator's other hosts are not ours to decide about."""

PAGE_HEADERS = (
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), "
        "gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    ),
)

NO_STORE = ("Cache-Control", "no-store")


def transport_security(issuer: str) -> tuple[tuple[str, str], ...]:
    """Headers of every answer of an issuer: HSTS where it is on https (RFC 6797, section 7.2)."""
    return (("Strict-Transport-Security", HSTS),) if issuer.startswith("https://") else ()


def content_security_policy(
    form_targets: Iterable[str] = (), script: str | None = None, modules: bool = False
) -> str:
    """The CSP of a page. `form_targets` are sources (see `form_source`); `script` the one inline script it may run.

    With `modules` it runs files of ours, which may ask this origin, and may make no markup out of text.
    """
    directives = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        " ".join(("form-action 'self'", *form_targets)),
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    if script is not None:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        directives.append(f"script-src 'sha256-{digest}'")
    elif modules:
        directives += ["script-src 'self'", "connect-src 'self'", "require-trusted-types-for 'script'"]
        directives.append("trusted-types 'none'")
    return "; ".join(directives)


def wallet_policy(account_issuer: str, form_targets: Iterable[str]) -> str:
    """The CSP of the wallet: its own files, two servers to speak to, no text that becomes a script (Trusted Types).

    `form_targets` are where an answer may be posted to an app (Form Post Response Mode); none: nowhere.
    """
    targets = " ".join(form_targets) or "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"connect-src 'self' {account_issuer}",
            f"form-action {targets}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def form_source(redirect_uri: str) -> str:
    """The `form-action` source that lets a form's redirect chain end at a proven redirect URI.

    Chromium checks the targets of redirects, too. An origin where CSP can name it; else only the scheme: for
    private-use schemes, and for address literals other than 127.0.0.1 (CSP Level 3, section 6.7.2.9).
    """
    parts = urlsplit(redirect_uri)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or (_is_address(host) and host != "127.0.0.1"):
        return f"{parts.scheme}:"
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""How long everything lives, in seconds, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Lives of what the protocol hands out, in seconds; all start at the moment of issue."""

    code: int = 60
    """RFC 6749 allows 600; a minute is what the ASVS asks at its highest level (10.4.3)."""
    access_token: int = 300
    """Short, because a stolen bearer token is good until it expires (RFC 9700, 4.9)."""
    id_token: int = 600
    """An ID token is read once by the app; ten minutes leave room for a wrong clock."""
    interaction: int = 1800
    """A person may look up a password; longer means the page was left open."""
    grant: int = 90 * 86400
    """Absolute life of an offline grant (RFC 9700, 4.14.2)."""
    device_grant: int = 86400
    """A device's grant without `offline_access`: by the next day the device may have changed hands."""
    grant_idle: int = 30 * 86400
    """A rotating refresh token not used this long is dead (RFC 9700, 4.14.2)."""

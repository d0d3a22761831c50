"""Password rules after NIST SP 800-63B-4, section 3.1.1: length and a blocklist, no composition rules."""

import unicodedata

from idp.domain.errors import Refused
from idp.domain.ports import KnownPasswords

MIN_LENGTH = 8
MAX_LENGTH = 256


def check(known: KnownPasswords, password: str, username: str) -> None:
    """Refuse `weak_password`: shorter than 8 or longer than 256 characters, on the blocklist, or the username."""
    text = unicodedata.normalize("NFKC", password)
    if len(text) < MIN_LENGTH:
        raise Refused("weak_password", f"a password has at least {MIN_LENGTH} characters")
    if len(text) > MAX_LENGTH:
        raise Refused("weak_password", f"a password has at most {MAX_LENGTH} characters")
    if username.casefold() in text.casefold() and len(username) * 2 >= len(text):
        raise Refused("weak_password", "the password is too close to the username")
    if known.holds(password) or (text != password and known.holds(text)):
        raise Refused("weak_password", "the password is widely known")

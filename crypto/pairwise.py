"""Keyed one-way names of a person: the pairwise subject (OpenID Connect Core 8.1) and two look-up indexes."""

import unicodedata
from hashlib import blake2b

from crypto.encoding import b64url_encode, lp
from crypto.errors import EncodingError
from crypto.passwords import slow_index

DIGEST_SIZE = 32
SALT_SIZE = 32
KEY_SIZE = 32
# BLAKE2 personalisation is 16 bytes: one string each, so that the two uses part even under one key.
_PAIRWISE_PERSON = b"blindage-pairwis"
_USERNAME_PERSON = b"blindage-usernam"


def pairwise_subject(key: bytes, issuer: str, sector: str, account_salt: bytes) -> str:
    """The `sub` of one account at one sector identifier: keyed BLAKE2b-256 (RFC 7693), 43 characters.

    `key` is the issuer's pairwise key (32 bytes), `account_salt` 32 random bytes that die with the account: a
    person who returns gets another `sub`. EncodingError for a key or salt of another size, or an empty
    issuer or sector."""
    _check_key(key)
    if len(account_salt) != SALT_SIZE:
        raise EncodingError("account salt is not 32 bytes")
    # An empty sector would give every client without one the same subject.
    if not sector or not issuer:
        raise EncodingError("pairwise subject needs an issuer and a sector")
    message = lp("blindage/pairwise/v1", issuer, sector, account_salt)
    return b64url_encode(blake2b(message, digest_size=DIGEST_SIZE, key=key, person=_PAIRWISE_PERSON).digest())


def fold_username(username: str) -> str:
    """The form in which spellings of one username are equal: compatibility caseless (Unicode D146), NFKC.

    Default-ignorable characters stay: which characters a username may hold is the caller's policy."""
    folded = unicodedata.normalize("NFD", username).casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold()
    return unicodedata.normalize("NFKC", folded)


def username_index(key: bytes, username: str) -> bytes:
    """The 32-byte look-up key of a username, equal for every spelling that `fold_username` makes equal."""
    _check_key(key)
    message = lp("blindage/username/v1", fold_username(username))
    return blake2b(message, digest_size=DIGEST_SIZE, key=key, person=_USERNAME_PERSON).digest()


def normalise_document_number(number: str) -> str:
    """Letters and digits only, in capitals, compatibility forms resolved; EncodingError when none is left."""
    folded = unicodedata.normalize("NFKC", number).upper()
    kept = "".join(character for character in folded if character.isalnum())
    if not kept:
        raise EncodingError("document number is empty")
    return kept


def dedup_index(key: bytes, country: str, document_type: str, number: str) -> bytes:
    """The 32-byte index by which one identity document earns one account: keyed BLAKE2b-256 over Argon2id.

    `country` is two capitals (ISO 3166-1 alpha-2), `document_type` a non-empty word of the evidence source.
    Takes 64 MiB and a tenth of a second or more: who holds `key` can test numbers at that pace, no one else.
    EncodingError for another form of key, country, type or number."""
    _check_key(key)
    if not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
        raise EncodingError("country is not two capital letters")
    if not document_type:
        raise EncodingError("document type is empty")
    slow = slow_index(lp("blindage/dedup/v1", country, document_type, normalise_document_number(number)))
    return blake2b(slow, digest_size=DIGEST_SIZE, key=key).digest()


def _check_key(key: bytes) -> None:
    # BLAKE2 takes shorter keys, and none, without a word.
    if len(key) != KEY_SIZE:
        raise EncodingError("key is not 32 bytes")

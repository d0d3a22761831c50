"""What a client of the account issuer asks of a token key before it has anything signed: that everybody gets this key.

A key for one person alone would make that person's tokens recognisable. The key has to stand in the issuer's public
log (RFC 6962; C2SP tlog-checkpoint) as the one of its band and epoch. The wallet and the door ask more: that the log
only grows, and that witnesses saw the key a day before its use.
"""

from typing import Any

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError
from crypto.merkle import leaf_hash, root_of
from crypto.notes import Verifier, open_checkpoint
from crypto.strict_json import parse_json_strict

LOG_PATH = "/token-keys/log"


class NotLogged(Exception):
    """The key is not one that everybody gets; the text says why."""


def check_logged(document: bytes, log_key: str, spki: bytes, now: int) -> None:
    """Return if the log shows `spki` as the adult key in use at `now`; `log_key` is the log's verifier key as one line.

    1 the log's own signature covers all leaves   3 it is the primary of its epoch, or the standby after its revocation
    2 the key stands in it once, for adults       4 it signs now
    """
    try:
        leaves = _leaves(document, log_key)  # 1
        keys = [leaf for leaf in leaves if leaf["type"] == "key"]
        revoked = {leaf["key_id"] for leaf in leaves if leaf["type"] == "revoke"}
        found = [leaf for leaf in keys if leaf["key"] == b64url_encode(spki)]  # 2
        if len(found) != 1 or (found[0]["token_type"], found[0]["band"]) != (2, "adult"):
            raise NotLogged("the key is not in the public log")
        family = [leaf for leaf in keys if (leaf["band"], leaf["epoch"]) == (found[0]["band"], found[0]["epoch"])]
        primaries = [leaf for leaf in family if leaf["role"] == "primary"]
        standbys = [leaf for leaf in family if leaf["role"] == "standby"]
        living = [leaf for leaf in (*primaries, *standbys) if leaf["key_id"] not in revoked]
        if len(primaries) != 1 or living[:1] != found:  # 3
            raise NotLogged("the key is not the one that everybody gets")
        if not found[0]["not_before"] <= now < found[0]["not_after"]:  # 4
            raise NotLogged("the key is not for today")
    except (CryptoError, LookupError, TypeError, ValueError) as error:
        raise NotLogged("the public log does not check out") from error


def _leaves(document: bytes, log_key: str) -> list[dict[str, Any]]:
    read: Any = parse_json_strict(document)
    leaves = [b64url_decode(text) for text in read["leaves"]]
    checkpoint, _ = open_checkpoint(read["checkpoint"], Verifier.parse(log_key))
    if (checkpoint.size, checkpoint.root) != (len(leaves), root_of([leaf_hash(leaf) for leaf in leaves])):
        raise NotLogged("the public log is not the one that was signed")
    return [dict(parse_json_strict(leaf)) for leaf in leaves]

"""`blindage witness`: an independent party looks at the key log, and puts its name and the time under it."""

import json
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError, MerkleError
from crypto.merkle import leaf_hash, root_of
from crypto.notes import SignatureType, Verifier, cosign_checkpoint, open_checkpoint, verifier_of
from idp.cli.terminal import as_json, say, show
from idp.domain.errors import Refused
from idp.domain.redirect_uri import is_loopback_host
from idp.master_key import write_private
from idp.outbound.guarded_fetcher import GuardedFetcher
from idp.protocol.door.key_log import LOG_MAX, KeyLogRefused, Trust, read_document, verify_log
from idp.system_clock import SystemClock

SEED_BYTES = 32


@click.command()
@click.argument("log")
@click.option("--log-key", required=True, help="The log's verifier key, as `blindage tokens log` prints it.")
@click.option("--name", required=True, help="The witness's own name, for example its host; once chosen, for good.")
@click.option("--key", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Its key; made if missing.")
@click.option(
    "--state", required=True, type=click.Path(dir_okay=False, path_type=Path), help="What it has seen; made if missing."
)
@as_json
def witness(log: str, log_key: str, name: str, key: Path, state: Path, as_json: bool) -> None:
    """Check LOG, cosign its checkpoint, print the note. LOG, an address or a file, is held against what was seen.

    Refused, and nothing signed, when the log is smaller or other than it was: then keep both, and tell people. The
    operator of the log adds the note with `blindage tokens cosign`.
    """
    try:
        trust = Trust(Verifier.parse(log_key))
    except (MerkleError, KeyLogRefused) as error:
        raise click.UsageError(f"--log-key: {error}") from error
    seed = _seed(key)
    try:
        leaves, notes = read_document(_fetched(log))
        view = verify_log(leaves, notes, trust)
    except KeyLogRefused as error:
        raise Refused("log_refused", f"{error.reason}: {error}") from error
    head = {"origin": trust.log.name, "size": len(leaves), "root": b64url_encode(_root(view.leaves))}
    _compare(_read(state), head, view.leaves)
    own = verifier_of(name, seed, SignatureType.COSIGNATURE)
    note = notes[0]
    _, opened = open_checkpoint(note, trust.log, [own])
    if opened.signature_by(own) is None:
        note = cosign_checkpoint(note, name, seed, SystemClock().now())
    # Written before the note is given away: whatever happens next, no other log of this size is ever signed.
    write_private(state, json.dumps(head).encode() + b"\n")
    say(f"{own.to_text()} has seen {len(leaves)} leaves")
    if as_json:
        show({"verifier_key": own.to_text(), "size": len(leaves), "note": note}, as_json=True)
    else:
        click.echo(note, nl=False)


def _seed(path: Path) -> bytes:
    if not path.exists():
        write_private(path, b64url_encode(secrets.token_bytes(SEED_BYTES)).encode() + b"\n")
    if path.stat().st_mode & 0o077:
        raise Refused("key_readable", f"{path}: others may read it; make it 0600")
    try:
        seed = b64url_decode(path.read_text("ascii").strip())
    except (CryptoError, UnicodeError) as error:
        raise Refused("bad_key", f"{path} holds no key") from error
    if len(seed) != SEED_BYTES:
        raise Refused("bad_key", f"{path} holds no key")
    return seed


def _fetched(log: str) -> bytes:
    parts = urlsplit(log)
    if parts.scheme in ("http", "https"):
        return GuardedFetcher(is_loopback_host(parts.hostname)).get(log, LOG_MAX)
    if os.path.getsize(log) > LOG_MAX:
        raise Refused("log_refused", "the file is larger than any log")
    return Path(log).read_bytes()


def _read(state: Path) -> dict[str, Any] | None:
    if not state.exists():
        return None
    seen: dict[str, Any] = json.loads(state.read_text("utf-8"))
    return seen


def _compare(seen: dict[str, Any] | None, head: dict[str, Any], leaves: tuple[bytes, ...]) -> None:
    if seen is None:
        return
    if seen["origin"] != head["origin"]:
        raise Refused("other_log", f"this state is of the log {seen['origin']}")
    if head["size"] < seen["size"]:
        raise Refused("log_shrunk", f"{seen['size']} leaves were there, {head['size']} are left")
    if b64url_encode(_root(leaves[: seen["size"]])) != seen["root"]:
        raise Refused("log_forked", f"the first {seen['size']} leaves are not those that were there")


def _root(leaves: tuple[bytes, ...]) -> bytes:
    return root_of([leaf_hash(leaf) for leaf in leaves])

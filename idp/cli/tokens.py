"""`blindage tokens`: keys of age tokens, their public log, cosignatures of witnesses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from crypto.blind_rsa_keys import choose_backend
from crypto.encoding import b64url_encode
from crypto.errors import MerkleError
from crypto.notes import Verifier
from idp.cli.terminal import as_json, opened_provider, say, show
from idp.composition import log_signer, witness_notice
from idp.domain.age_token import TokenKey
from idp.protocol.provider import Provider
from idp.services.token_keys import (
    add_cosignature,
    ensure_token_keys,
    log_wallet_files,
    published_log,
    revoke_after_restore,
    signing_key_of,
)
from idp.web.wallet_files import DIRECTORY, PAGE, read_wallet, wallet_digests


@click.group()
def tokens() -> None:
    """Keys of anonymous age tokens, and their public log."""


@tokens.command("keys")
@as_json
def list_keys(as_json: bool) -> None:
    """List token keys, and say which library signs with them."""
    backend = choose_backend()
    with opened_provider() as provider:
        keys = provider.realm.store.read(lambda tx: tx.token_keys.all())
        rows = [_row(provider, key, keys) for key in keys]
    say(f"signatures are made by {backend.name} {backend.version}")
    show(rows, as_json)


@tokens.command()
@click.option("--after-restore", is_flag=True, help="Revoke the primaries in use; their standbys take over.")
@as_json
def rotate(after_restore: bool, as_json: bool) -> None:
    """Make missing keys of this epoch and the next. A running server does this by itself.

    After a backup was restored, of the account issuer or of the door, tokens that were spent since could be spent
    again: --after-restore ends the keys they were signed with. Run it before the door serves again.
    """
    with opened_provider() as provider:
        store, now = provider.realm.store, provider.now()
        revoked = revoke_after_restore(store, now) if after_restore else []
        made = ensure_token_keys(store, now, witness_notice(provider))
        published_log(store, log_signer(provider))
    say("doors and wallets hear of it within minutes, by the log")
    show({"revoked": [_id(key) for key in revoked], "made": [_id(key) for key in made]}, as_json)


@tokens.command("log")
@click.option(
    "--add-wallet-files",
    "directory",
    is_flag=False,
    flag_value=str(DIRECTORY),
    type=click.Path(exists=True, file_okay=False),
    help="Log the digests of the wallet's files first; without DIRECTORY, those of this installation.",
)
@as_json
def show_log(directory: str | None, as_json: bool) -> None:
    """Print the log: verifier key, newest checkpoint, every leaf."""
    with opened_provider() as provider:
        store, signer = provider.realm.store, log_signer(provider)
        if directory is not None:
            files = read_wallet(Path(directory))
            if PAGE not in files:
                raise click.UsageError(f"{directory} holds no wallet")
            added = log_wallet_files(store, wallet_digests(files), provider.now())
            say("the wallet's files are logged" if added else "the log has these files already")
        log = published_log(store, signer)
    verifier, leaves = signer.verifier.to_text(), [leaf.decode("ascii") for leaf in log.leaves]
    if not as_json:
        click.echo("\n".join((verifier, "", log.note, *leaves)))
        return
    document = {"verifier_key": verifier, "size": len(leaves), "checkpoint": log.note, "leaves": leaves}
    show({**document, "witnessed": list(log.witnessed)}, as_json=True)


@tokens.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--witness", required=True, help="The witness's verifier key: one line.")
@as_json
def cosign(file: Any, witness: str, as_json: bool) -> None:
    """Keep a witness's cosignature of a checkpoint. It is in FILE; - for standard input."""
    try:
        verifier = Verifier.parse(witness)
    except MerkleError as error:
        raise click.UsageError(f"--witness: {error}") from error
    with opened_provider() as provider:
        size = add_cosignature(provider.realm.store, log_signer(provider), file.read(), verifier)
    say(f"kept: {verifier.name} has seen {size} leaves")
    show({"size": size, "witness": verifier.name}, as_json)


def _row(provider: Provider, key: TokenKey, keys: Sequence[TokenKey]) -> dict[str, Any]:
    signs = signing_key_of(keys, key.band, provider.now()) == key
    state = "revoked" if key.revoked_at is not None else "signs" if signs else "waits"
    if key.revoked_at is None and not signs and provider.now() >= key.not_after:
        state = "old"
    return {
        "key_id": _id(key),
        "band": key.band.value,
        "epoch": key.epoch,
        "role": key.role.value,
        "state": state,
        "not_before": key.not_before,
        "not_after": key.not_after,
    }


def _id(key: TokenKey) -> str:
    return b64url_encode(key.key_id)

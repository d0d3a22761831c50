"""`blindage tokens` and `blindage witness`: keys, their log, and how an independent party puts its name under it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crypto.blind_rsa_keys import choose_backend
from crypto.encoding import b64url_decode, b64url_encode
from crypto.notes import Verifier, cosign_checkpoint, sign_checkpoint
from idp.cli.root import blindage
from idp.composition import log_signer
from idp.domain.errors import DomainError
from idp.protocol.door.key_log import Trust, admitted_keys, verify_log
from idp.services.token_keys import NOTICE_SECONDS, checkpoint_of, ensure_token_keys, published_log
from idp.web.wallet_files import DIRECTORY
from tests.app import App, make_app

LOOPBACK = "http://127.0.0.1:9000"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of an issuer with keys: RSA takes its time."""
    directory = tmp_path_factory.mktemp("made")
    account = make_app(directory)
    ensure_token_keys(account.provider.realm.store, account.clock.now(), NOTICE_SECONDS)
    account.provider.realm.store.close()
    return directory


@pytest.fixture
def account(made: Path, tmp_path: Path) -> Iterator[App]:
    """An issuer that serves while the commands run beside it."""
    shutil.copytree(made, tmp_path / "data")
    running = make_app(tmp_path / "data")
    yield running
    running.provider.realm.store.close()


def run(account: App, *arguments: str, told: str | None = None) -> Result:
    """A command with the issuer's settings."""
    environment = {"BLINDAGE_DATA_DIR": str(account.settings.data_dir), "BLINDAGE_ISSUER": account.issuer}
    return CliRunner(env=environment).invoke(blindage, arguments, input=told)


def printed(result: Result) -> Any:
    """What a command that must succeed prints as JSON."""
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def refused(result: Result) -> str:
    """The reason of a refusal."""
    assert isinstance(result.exception, DomainError), (result.output, result.exception)
    return result.exception.reason


class Witness:
    """An independent party with a directory of its own."""

    def __init__(self, account: App, directory: Path, name: str = "witness.example") -> None:
        self.account = account
        self.directory = directory
        self.name = name

    def look(self, log: bytes, log_key: str | None = None) -> Result:
        """Run the command on a log that was fetched."""
        file = self.directory / "log.json"
        file.write_bytes(log)
        key = log_key or log_signer(self.account.provider).verifier.to_text()
        return run(
            self.account, "witness", str(file), "--log-key", key, "--name", self.name,
            "--key", str(self.directory / "key"), "--state", str(self.directory / "state.json"), "--json",
        )  # fmt: skip


@pytest.fixture
def witness(account: App, tmp_path: Path) -> Witness:
    directory = tmp_path / "witness"
    directory.mkdir()
    return Witness(account, directory)


def served(account: App) -> bytes:
    answer = account.send("GET", "/token-keys/log")
    assert answer.status_code == 200
    return bytes(answer.data)


# --------------------------------------------------------------------------------------------------------------- tokens
def test_keys_are_listed_and_the_signing_library_is_named(account: App) -> None:
    result = run(account, "tokens", "keys", "--json")
    keys = printed(result)
    assert len(keys) == 8 and {key["state"] for key in keys} <= {"waits", "old"}
    assert {(key["band"], key["role"]) for key in keys} == {
        (band, role) for band in ("minor", "adult") for role in ("primary", "standby")
    }
    backend = choose_backend()
    assert f"{backend.name} {backend.version}" in result.stderr


def test_rotation_makes_what_is_missing_and_after_a_restore_revokes(tmp_path: Path) -> None:
    """On this machine keys are used at once, so that there are some in use whatever the day is."""
    account = make_app(tmp_path, LOOPBACK)
    try:
        assert len(printed(run(account, "tokens", "rotate", "--json"))["made"]) == 8
        assert printed(run(account, "tokens", "rotate", "--json")) == {"revoked": [], "made": []}
        keys = {key["key_id"]: key for key in printed(run(account, "tokens", "keys", "--json"))}
        revoked = printed(run(account, "tokens", "rotate", "--after-restore", "--json"))["revoked"]
        assert {(keys[key]["band"], keys[key]["role"], keys[key]["state"]) for key in revoked} == {
            ("minor", "primary", "signs"), ("adult", "primary", "signs"),
        }  # fmt: skip
        after = printed(run(account, "tokens", "keys", "--json"))
        assert {key["key_id"] for key in after if key["state"] == "revoked"} == set(revoked)
        assert {(key["band"], key["role"]) for key in after if key["state"] == "signs"} == {
            ("minor", "standby"), ("adult", "standby"),
        }  # fmt: skip
        leaves = [json.loads(leaf) for leaf in printed(run(account, "tokens", "log", "--json"))["leaves"]]
        assert [leaf["key_id"] for leaf in leaves if leaf["type"] == "revoke"] == revoked
    finally:
        account.provider.realm.store.close()


def test_log_is_printed_with_its_key_and_takes_the_wallets_files_once(account: App) -> None:
    log = printed(run(account, "tokens", "log", "--json"))
    assert Verifier.parse(log["verifier_key"]).name == "id.example/token-keys"
    assert log["size"] == len(log["leaves"]) == 8
    for _ in range(2):
        again = printed(run(account, "tokens", "log", "--add-wallet-files", str(DIRECTORY), "--json"))
        assert again["size"] == 9
    files = json.loads(again["leaves"][-1])["files"]
    assert {"wallet.mjs", "index.html", "wallet.css"} <= set(files)
    words = run(account, "tokens", "log").stdout
    assert words.startswith(log["verifier_key"] + "\n") and json.loads(words.splitlines()[-1])["type"] == "wallet-files"
    assert run(account, "tokens", "log", "--add-wallet-files", "--json").exit_code == 0
    assert run(account, "tokens", "log", "--add-wallet-files", "/").exit_code == 2


# -------------------------------------------------------------------------------------------------------------- witness
def test_witness_cosigns_what_it_has_checked_and_the_log_keeps_it(account: App, witness: Witness) -> None:
    seen = printed(witness.look(served(account)))
    assert seen["size"] == 8
    file = witness.directory / "note"
    file.write_text(seen["note"])
    assert printed(run(account, "tokens", "cosign", str(file), "--witness", seen["verifier_key"], "--json")) == {
        "size": 8, "witness": "witness.example",
    }  # fmt: skip
    signer = log_signer(account.provider)
    log = published_log(account.provider.realm.store, signer)
    trust = Trust(signer.verifier, (Verifier.parse(seen["verifier_key"]),), 24)
    view = verify_log(log.leaves, [log.note, *log.witnessed], trust)
    assert all(key.witnessed_at is not None for key in view.keys)
    # Looking again adds nothing: the earliest time is the one that counts.
    assert printed(witness.look(served(account)))["note"] == seen["note"]
    # The log grows; what was witnessed before stays in what is served, by the older note.
    printed(run(account, "tokens", "log", "--add-wallet-files", "--json"))
    document = json.loads(served(account))
    assert len(document["leaves"]) == 9 and document["witnessed"] == [seen["note"]]
    grown = verify_log([b64url_decode(leaf) for leaf in document["leaves"]], [
        document["checkpoint"], *document["witnessed"]
    ], trust)  # fmt: skip
    assert admitted_keys(grown, trust).keys() == admitted_keys(view, trust).keys()
    # A cosignature of the smaller size is taken, too, when it comes late.
    second = Witness(account, witness.directory, "second.example")
    second.directory = witness.directory / "second"
    second.directory.mkdir()
    smaller = {"checkpoint": seen["note"], "leaves": document["leaves"][:8]}
    late = printed(second.look(json.dumps(smaller).encode()))
    told = run(account, "tokens", "cosign", "-", "--witness", late["verifier_key"], "--json", told=late["note"])
    assert printed(told)["size"] == 8
    assert json.loads(served(account))["witnessed"][0].count("\u2014 ") == 3


def test_witness_refuses_a_log_that_shrank_or_forked_and_signs_nothing(account: App, witness: Witness) -> None:
    printed(run(account, "tokens", "log", "--add-wallet-files", "--json"))
    whole = served(account)
    printed(witness.look(whole))
    state = (witness.directory / "state.json").read_bytes()
    signer = log_signer(account.provider)
    leaves = [b64url_decode(leaf) for leaf in json.loads(whole)["leaves"]]
    def says(other: list[bytes]) -> bytes:
        note = sign_checkpoint(checkpoint_of(signer.name, other), signer.name, signer.seed)
        return json.dumps({"checkpoint": note, "leaves": [b64url_encode(leaf) for leaf in other]}).encode()

    for other, reason in ((leaves[:-1], "log_shrunk"), ([*leaves[1:], leaves[0]], "log_forked")):
        result = witness.look(says(other))
        assert refused(result) == reason and "note" not in result.stdout
        assert (witness.directory / "state.json").read_bytes() == state
    assert refused(witness.look(b"{}")) == "log_refused"
    changed = json.loads(whole)
    changed["leaves"] = changed["leaves"][::-1]
    assert refused(witness.look(json.dumps(changed).encode())) == "log_refused"
    assert printed(witness.look(says([*leaves, b'{"at":1,"key_id":"AA","type":"revoke"}'])))["size"] == 10


def test_witness_keeps_its_key_to_itself(account: App, witness: Witness) -> None:
    printed(witness.look(served(account)))
    key = witness.directory / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    first = key.read_bytes()
    printed(witness.look(served(account)))
    assert key.read_bytes() == first
    key.chmod(0o644)
    assert refused(witness.look(served(account))) == "key_readable"
    key.write_text("short")
    key.chmod(0o600)
    assert refused(witness.look(served(account))) == "bad_key"


def test_note_that_is_not_of_this_log_or_witness_is_refused(account: App, witness: Witness) -> None:
    seen = printed(witness.look(served(account)))
    other = Witness(account, witness.directory / "other", "other.example")
    other.directory.mkdir()
    stranger = printed(other.look(served(account)))

    def attempt(note: str, key: str) -> str:
        return refused(run(account, "tokens", "cosign", "-", "--witness", key, told=note))

    assert attempt(seen["note"], stranger["verifier_key"]) == "bad_cosignature"
    assert attempt("", seen["verifier_key"]) == "bad_cosignature"
    # Signed by this log's key, and by the witness, over leaves that are not in it: a fork, or a larger log.
    signer = log_signer(account.provider)
    leaves = list(published_log(account.provider.realm.store, signer).leaves)
    for other_leaves in (leaves[::-1], [*leaves, b"{}"]):
        note = sign_checkpoint(checkpoint_of(signer.name, other_leaves), signer.name, signer.seed)
        seed = b64url_decode((witness.directory / "key").read_text().strip())
        assert attempt(cosign_checkpoint(note, witness.name, seed, 1), seen["verifier_key"]) == "bad_cosignature"
    assert attempt(seen["note"].replace("\n8\n", "\n7\n"), seen["verifier_key"]) == "bad_cosignature"
    assert run(account, "tokens", "cosign", "-", "--witness", "garbage", told=seen["note"]).exit_code == 2

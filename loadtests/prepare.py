"""Make people, an app and codes with the `blindage` command: `python -m loadtests.prepare --output FILE`.

Run it where the server runs, with the server's settings in the environment. Codes are minted under a loopback issuer
only; elsewhere leave them out (`--codes 0`) and let people sign in. For wallets, run it with the door's settings first.
"""

import argparse
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.contestant import Codes
from loadtests.prepared import App, Door, Person, Prepared

REDIRECT_URI = "http://127.0.0.1:9/callback"
AT_DOOR = ("--grant", "authorization_code")
"""Options of an app at the door, where there are no refresh tokens."""
BIRTHDATE = "1980-01-01"

Command = Callable[..., str]
"""Runs `blindage` with the arguments and returns what it printed; `words` go to standard input."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of everything: `refreshers` refresh tokens are used in turn, `wallets` people have one each."""

    people: int = 20
    codes: int = 50_000
    refreshers: int = 200
    wallets: int = 0
    redirect_uri: str = REDIRECT_URI


def prepare(command: Command, wanted: Wanted, door: Door | None = None) -> Prepared:
    """All people are adults."""
    app = register(command, wanted.redirect_uri)
    nobody = Codes(app.client_id, app.client_secret, wanted.redirect_uri, [])
    refreshers = wanted.refreshers if wanted.codes else 0
    return Prepared(
        app,
        [_person(command) for _ in range(wanted.people)],
        _minted(command, wanted.codes, []) if wanted.codes else nobody,
        _minted(command, refreshers, ["--refresh"]) if refreshers else nobody,
        register(command, wanted.redirect_uri, "--grant", "device_code"),
        door,
        [_person(command) for _ in range(wanted.wallets)],
    )


def register(command: Command, redirect_uri: str, *options: str) -> App:
    """A confidential app."""
    registered = json.loads(
        command("client", "register", "--name", "Load test", "--redirect-uri", redirect_uri, "--signing-alg", "ES256",
                *options, "--json")
    )  # fmt: skip
    return App(registered["client_id"], registered["client_secret"], redirect_uri)


def _person(command: Command) -> Person:
    person = Person(f"load-{secrets.token_hex(6)}", secrets.token_urlsafe(18))
    command("account", "create", "--username", person.username, "--password-stdin", "--json", words=person.password)
    command("evidence", "record", "--username", person.username, "--birthdate", BIRTHDATE, "--method", "in_person",
            "--assurance", "standard", "--json")  # fmt: skip
    return person


def _minted(command: Command, count: int, options: list[str]) -> Codes:
    return Codes.parse(command("mint-codes", "--count", str(count), "--valid-for", "3600", *options))


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.prepare", description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--people", type=int, default=20, help="accounts that sign in (default 20)")
    parser.add_argument("--codes", type=int, default=50_000, help="codes to exchange (default 50,000)")
    parser.add_argument("--refreshers", type=int, default=200, help="refresh tokens in use (default 200)")
    parser.add_argument("--wallets", type=int, default=0, help="accounts whose wallets are filled (default 0)")
    parser.add_argument("--redirect-uri", default=REDIRECT_URI, help="of the app that people sign in to")
    parser.add_argument("--door", type=Path, help="file of a run of this command at the door, with --at-door")
    parser.add_argument("--at-door", metavar="ISSUER", help="the settings are the door's: register an app there, only")
    options = parser.parse_args()
    if options.at_door:
        app = register(_blindage, options.redirect_uri, *AT_DOOR)
        options.output.touch(mode=0o600)
        options.output.write_text(json.dumps(asdict(Door(options.at_door, app))))
        return
    door = None
    if options.door:
        told = json.loads(options.door.read_text())
        door = Door(told["issuer"], App(**told["app"]))
    wanted = Wanted(options.people, options.codes, options.refreshers, options.wallets, options.redirect_uri)
    prepare(_blindage, wanted, door).write(options.output)


def _blindage(*arguments: str, words: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from idp.cli import main; main()", *arguments],
        input=words, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    main()

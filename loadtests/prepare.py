"""Make people, an app and codes with the `blindage` command: `python -m loadtests.prepare --output FILE`.

Run it where the server runs, with the server's settings in the environment. Codes are minted under a loopback issuer
only; elsewhere leave them out (`--codes 0`) and let people sign in.
"""

import argparse
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from loadtests.contestant import Codes
from loadtests.prepared import App, Person, Prepared

REDIRECT_URI = "http://127.0.0.1:9/callback"
BIRTHDATE = "1980-01-01"

Command = Callable[..., str]
"""Runs `blindage` with the arguments and returns what it printed; `words` go to standard input."""


def prepare(command: Command, people: int, codes: int, refreshers: int, redirect_uri: str = REDIRECT_URI) -> Prepared:
    """Accounts are adults. `refreshers` is how many refresh tokens are used in turn."""
    registered = json.loads(
        command("client", "register", "--name", "Load test", "--redirect-uri", redirect_uri, "--signing-alg", "ES256",
                "--json")
    )  # fmt: skip
    app = App(registered["client_id"], registered["client_secret"], redirect_uri)
    nobody = Codes(app.client_id, app.client_secret, redirect_uri, [])
    return Prepared(
        app,
        [_person(command) for _ in range(people)],
        _minted(command, codes, []) if codes else nobody,
        _minted(command, refreshers, ["--refresh"]) if codes and refreshers else nobody,
    )


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
    parser.add_argument("--redirect-uri", default=REDIRECT_URI, help="of the app that people sign in to")
    options = parser.parse_args()
    made = prepare(_blindage, options.people, options.codes, options.refreshers, options.redirect_uri)
    made.write(options.output)


def _blindage(*arguments: str, words: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from idp.cli import main; main()", *arguments],
        input=words, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    main()

"""Blindage's door as a contestant: a server of its own, and the account issuer whose tokens it takes beside it."""

import json
from pathlib import Path

from loadtests.contestant import Codes, Kind, Paths
from loadtests.machine import LOAD_CORE, SERVER_CORE, pinned
from loadtests.own_server import BLINDAGE, BlindageSqlite, own_environment, run_command
from loadtests.process import Program, answers, free_port

CALLBACK = "http://127.0.0.1:9/callback"


class BlindageDoor(BlindageSqlite):
    """One worker on SQLite, as `blindage_sqlite`. Its processor time is the door's alone.

    The account issuer stays on the other core and is asked for tokens between rounds only.
    """

    name = "blindage_door"
    label = "Blindage's door, SQLite FULL"
    paths = Paths()
    works = ("door_sign_in",)

    issuer: str
    """Its `iss`: it is asked by address."""
    account_issuer: str
    client: Codes
    """The app that people come from, without any codes."""

    _account: Program
    _account_environ: dict[str, str]

    def start(self, directory: Path) -> None:
        """Both, the account issuer first: the door is ready when it has seen the log of its keys."""
        port, account_port = free_port(), free_port()
        self.issuer = f"http://localhost:{port}"
        # Another name of the same address: the two halves need different hosts.
        self.address = f"http://127.0.0.1:{port}"
        self.account_issuer = f"http://127.0.0.1:{account_port}"
        account, door = directory / "account", directory / "door"
        for each in (account, door):
            each.mkdir()
        self._account_environ = own_environment(self.account_issuer, account, None)
        self._account_environ["BLINDAGE_DOOR_ISSUER"] = self.issuer
        command = pinned(LOAD_CORE, [*BLINDAGE, "serve", "--port", str(account_port)])
        self._account = Program(command, self._account_environ, account, log=account / "log")
        self._account.wait_until(lambda: answers(account_port, "/readyz"))
        log_key = json.loads(run_command(self._account_environ, ["tokens", "log", "--json"]))["verifier_key"]
        self._environ = own_environment(self.issuer, door, None) | {
            "BLINDAGE_ROLE": "door",
            "BLINDAGE_ACCOUNT_ISSUER": self.account_issuer,
            "BLINDAGE_TOKEN_LOG_KEY": log_key,
        }
        command = pinned(SERVER_CORE, [*BLINDAGE, "serve", "--port", str(port)])
        self.program = Program(command, self._environ, door, log=door / "log")
        self.program.wait_until(lambda: answers(port, "/readyz"))
        registered = json.loads(
            self.command(
                "client", "register", "--name", "Load test", "--redirect-uri", CALLBACK,
                "--signing-alg", self.algorithm, "--json",
            )
        )  # fmt: skip
        self.client = Codes(registered["client_id"], registered["client_secret"], CALLBACK, [])

    def mint(self, count: int, kind: Kind) -> Codes:
        """Codes of the account issuer, for wallets to fill themselves with."""
        options = ["--count", str(count), "--valid-for", "600", "--people", "1", "--scope", "age_tokens"]
        return Codes.parse(run_command(self._account_environ, ["mint-codes", *options]))

    def stop(self) -> None:
        """Both."""
        super().stop()
        self._account.stop()


"""A door beside our own account issuer, on loopback: where wallets spend what they were filled with."""

from pathlib import Path

from loadtests.own_server import BLINDAGE, BlindageSqlite, own_environment, run_command
from loadtests.prepare import AT_DOOR, REDIRECT_URI, register
from loadtests.prepared import Door
from loadtests.process import Program, answers, free_port


class OwnDoor:
    """Its address is chosen before the account issuer starts, which names it; then it is started itself."""

    def __init__(self) -> None:
        self._port = free_port()
        # Another host than the account issuer's: cookies know no ports.
        self.issuer = f"http://localhost:{self._port}"
        self._program: Program | None = None

    def start(self, account: BlindageSqlite, directory: Path) -> None:
        """Start and return once the door knows the account issuer's token keys; NotStarted."""
        log_key = account.command_json("tokens", "log")["verifier_key"]
        self._environ = own_environment(self.issuer, directory, None) | {
            "BLINDAGE_ROLE": "door",
            "BLINDAGE_ACCOUNT_ISSUER": account.address,
            "BLINDAGE_TOKEN_LOG_KEY": str(log_key),
        }
        serve = [*BLINDAGE, "serve", "--role", "door", "--port", str(self._port)]
        self._program = Program(serve, self._environ, directory, log=directory / "log")
        self._program.wait_until(lambda: answers(self._port, "/readyz"))

    def prepared(self) -> Door:
        """With an app to sign in to."""
        return Door(self.issuer, register(self._command, REDIRECT_URI, *AT_DOOR))

    def stop(self) -> None:
        """End what `start` started."""
        if self._program is not None:
            self._program.stop()

    def _command(self, *arguments: str, words: str = "") -> str:
        return run_command(self._environ, arguments, words)

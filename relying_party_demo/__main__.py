"""`python -m relying_party_demo --port 9002`: the app on granian, one process, until SIGTERM."""

import ctypes
import os
import signal
import sys
from functools import partial

import click
from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from relying_party_demo.application import create_application
from relying_party_demo.configuration import PREFIX, Configuration, ConfigurationError, read_configuration

THREADS = 4
_PR_SET_PDEATHSIG = 1


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9002, show_default=True, type=click.IntRange(1, 65535))
def main(host: str, port: int) -> None:
    """Serve the demo app; its settings come from the environment, prefix DEMO_."""
    try:
        configuration = read_configuration(os.environ, port)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    Granian(
        target="relying_party_demo",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=THREADS,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
        log_level=LogLevels.warning,
        log_access=False,
    ).serve(target_loader=partial(_load_worker, configuration, os.getpid()), wrap_loader=False)


def _load_worker(configuration: Configuration, parent: int) -> Flask:
    """Build the app in the worker, which must not outlive the process that watches over it (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
    # The server copies the environment into every request: no secret and no would-be header belongs there.
    for name in [name for name in os.environ if name.startswith((PREFIX, "HTTP_"))]:
        del os.environ[name]
    return create_application(configuration)


if __name__ == "__main__":
    main()

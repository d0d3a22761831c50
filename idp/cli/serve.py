"""`blindage serve`: the HTTP server (granian, WSGI)."""

import multiprocessing
import os
import signal
import sys
import threading
from functools import partial

import click
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from idp.cli.refusals import REFUSALS, say_refused
from idp.cli.terminal import say
from idp.domain.redirect_uri import is_loopback_host
from idp.server_process import Flag, clear_metrics, load_worker
from idp.settings import Role, Settings, SettingsError, read_settings
from idp.wsgi import Application

BLOCKING_THREADS = 32
"""Threads a worker answers with: as many requests can share one commit (see `storage/sql/writer.py`)."""

MAX_HEADER_BYTES = 16384


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--role", type=click.Choice([role.value for role in Role]), help="Default: BLINDAGE_ROLE, else account.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option("--exposed", is_flag=True, help="Allow another address than loopback without a proxy in front.")
@click.option("--drain-seconds", default=0.0, help="After SIGTERM, time for a balancer to see /readyz answer 503.")
def serve(host: str, port: int, role: str | None, workers: int, exposed: bool, drain_seconds: float) -> None:
    """Serve until SIGTERM. Settings come from the environment, prefix BLINDAGE_ (docs/operations.md lists them)."""
    named = f"[{host}]" if ":" in host else host
    settings = read_settings(os.environ, f"http://{named}:{port}", role)
    if not is_loopback_host(host) and settings.proxy_hops == 0 and not exposed:
        raise SettingsError("PROXY_HOPS", "half-sent bodies can hold all threads: use a proxy, or --exposed")
    if workers > 1 and settings.database_url is None:
        raise SettingsError("DATABASE_URL", "the embedded database serves one process; use PostgreSQL for more workers")
    say(f"{settings.issuer} ({settings.role}) on {named}:{port}")
    clear_metrics(settings)
    draining = multiprocessing.RawValue("b", 0)
    server = Granian(
        target="idp.wsgi",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=BLOCKING_THREADS,
        http1_settings=HTTP1Settings(max_buffer_size=MAX_HEADER_BYTES, header_read_timeout=10_000),
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_access=False,
        log_level=LogLevels.error,
        websockets=False,
    )

    def drain(*_: object) -> None:
        """First SIGTERM: readiness is denied, the balancer turns away, then the server stops. A second stops now."""
        seconds = 0.0 if draining.value else drain_seconds
        draining.value = 1
        threading.Timer(seconds, server.signal_handler_interrupt).start()

    # The server sets its own handlers first and calls the hooks after.
    server.on_startup(lambda: signal.signal(signal.SIGTERM, drain))
    server.serve(target_loader=partial(_load_worker, settings, os.getpid(), draining), wrap_loader=False)


def _load_worker(settings: Settings, parent: int, draining: Flag) -> Application:
    try:
        return load_worker(settings, parent, draining)
    except REFUSALS as error:
        say_refused(error)
        sys.exit(1)

"""`blindage demo`: everything on this machine, with people to sign in as, until Ctrl-C."""

import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from idp.cli.demo_data import APPS, DemoData, demo_apps, demo_people, prepare
from idp.cli.demo_servers import Server, run_servers
from idp.settings import PREFIX, Settings, read_settings

PORTS = 4
"""The account issuer, the door, and two apps; the door's port is kept free for it."""

_SERVE = [sys.executable, "-c", "from idp.cli import main; main()", "serve"]
_APP = [sys.executable, "-m", "relying_party_demo"]


@click.command()
@click.option("--port-base", default=9000, show_default=True, type=click.IntRange(1024, 65536 - PORTS))
@click.option(
    "--data-dir", default=Path("var/demo"), show_default=True, type=click.Path(file_okay=False, path_type=Path)
)
def demo(port_base: int, data_dir: Path) -> None:
    """Start an account issuer and two apps, with an adult, a minor and a child to sign in as. Loopback only."""
    data_dir = data_dir.absolute()
    environ = account_environ(port_base, data_dir)
    settings = read_settings(environ, environ[PREFIX + "ISSUER"])
    run_servers(
        ports=range(port_base, port_base + PORTS),
        servers=lambda: servers(settings, port_base, data_dir, prepare(settings, data_dir, demo_apps(port_base))),
        ready=lambda: _show(settings, port_base),
    )


def account_environ(port_base: int, data_dir: Path) -> dict[str, str]:
    """The account issuer's settings. Those of the caller are left out: the demo must not touch a real database."""
    return {PREFIX + "ISSUER": f"http://127.0.0.1:{port_base}", PREFIX + "DATA_DIR": str(data_dir / "account")}


def servers(settings: Settings, port_base: int, data_dir: Path, data: DemoData) -> list[Server]:
    """Every process of the demo, in the order in which they start."""
    account = Server(
        name="account issuer",
        port=port_base,
        command=[*_SERVE, "--port", str(port_base)],
        environ=account_environ(port_base, data_dir),
        log=data_dir / "account.log",
        ready_path="/.well-known/openid-configuration",
    )
    return [account, *(_app_server(settings, app.name, app.port, data_dir, data) for app in demo_apps(port_base))]


def _app_server(settings: Settings, name: str, port: int, data_dir: Path, data: DemoData) -> Server:
    client = data.clients[name]
    return Server(
        name=name,
        port=port,
        command=[*_APP, "--port", str(port)],
        environ={
            "DEMO_ISSUER": settings.issuer,
            "DEMO_CLIENT_ID": client.client_id,
            "DEMO_CLIENT_SECRET": client.client_secret,
            "DEMO_NAME": name,
            "DEMO_BASE_URL": client.base_url,
        },
        log=data_dir / f"{name}.log",
        ready_path="/",
    )

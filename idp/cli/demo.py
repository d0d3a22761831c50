"""`blindage demo`: everything on this machine, with people to sign in as, until Ctrl-C."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from idp.cli.demo_data import PEOPLE, TELEVISION, App, Credentials, demo_apps, prepare
from idp.cli.demo_servers import Server, refuse_taken_ports, running
from idp.settings import PREFIX, Settings, read_settings

_SERVE = (sys.executable, "-c", "from idp.cli import main; main()", "serve")
_APP = (sys.executable, "-m", "relying_party_demo")


@click.command()
@click.option("--port-base", default=9000, show_default=True, type=click.IntRange(1024, 65532))
@click.option(
    "--data-dir", default="var/demo", show_default=True, type=click.Path(file_okay=False, path_type=Path)
)
def demo(port_base: int, data_dir: Path) -> None:
    """Start an account issuer and two apps, with an adult, a minor and a child to sign in as. Loopback only."""
    data_dir = data_dir.absolute()
    environ = {
        PREFIX + "ISSUER": f"http://127.0.0.1:{port_base}",
        PREFIX + "DATA_DIR": str(data_dir / "account"),
    }
    settings = read_settings(environ, environ[PREFIX + "ISSUER"])
    apps = demo_apps(port_base)
    refuse_taken_ports([port_base, *(app.port for app in apps)])
    credentials = prepare(settings, data_dir, apps)
    servers = [
        _account_issuer(port_base, environ, data_dir),
        *(_app(app, settings, credentials[app.key], data_dir) for app in apps),
    ]
    with running(servers) as processes:
        if not processes.stopping:
            _show(settings, apps, credentials[TELEVISION])
        processes.watch()


def _account_issuer(port: int, environ: Mapping[str, str], data_dir: Path) -> Server:
    return Server(
        name="account issuer",
        command=(*_SERVE, "--port", str(port)),
        environ=environ,
        port=port,
        ready_path="/.well-known/openid-configuration",
        log=data_dir / "account.log",
    )


def _app(app: App, settings: Settings, credentials: Credentials, data_dir: Path) -> Server:
    return Server(
        name=app.name,
        command=(*_APP, "--port", str(app.port)),
        environ={
            "DEMO_ISSUER": settings.issuer,
            "DEMO_CLIENT_ID": credentials.client_id,
            "DEMO_CLIENT_SECRET": credentials.client_secret,
            "DEMO_NAME": app.name,
            "DEMO_BASE_URL": app.base_url,
        },
        port=app.port,
        ready_path="/",
        log=data_dir / f"{app.key}.log",
    )


def _show(settings: Settings, apps: tuple[App, ...], television: Credentials) -> None:
    addresses = Table("open in a browser", "what it is", title="Blindage demo")
    for app in apps:
        addresses.add_row(app.base_url, f"{app.name}, an app with an age gate")
    addresses.add_row(settings.issuer, "the account issuer")
    people = Table("username", "password", "who", title="Sign in as")
    for person in PEOPLE:
        people.add_row(person.username, person.password, person.who)
    console = Console()
    # Addresses and passwords are copied by hand: they must not be broken over two lines.
    for table in (addresses, people):
        for column in table.columns[:-1]:
            column.no_wrap = True
            column.overflow = "fold"
        console.print(table)
    console.print("A television, which has no keyboard: start it in another terminal, then scan or type in its code.")
    command = (
        f"DEMO_ISSUER={settings.issuer} DEMO_CLIENT_ID={television.client_id} "
        f"{shlex.join([sys.executable, '-m', 'relying_party_demo.television'])}"
    )
    console.print(command, soft_wrap=True, highlight=False, markup=False)
    console.print("Ready. Ctrl-C ends everything.")

"""`blindage demo`: everything on this machine, with people to sign in as, until Ctrl-C."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from idp.cli.demo_data import PEOPLE, TELEVISION, TOKEN_CLIENT, App, Prepared, demo_apps, prepare
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
    """Start account issuer, door and two apps on loopback. An adult, a minor and a child are there to sign in as."""
    data_dir = data_dir.absolute()
    # Four hosts, since cookies know no ports; browsers take `localhost` and what ends in it for this machine.
    account_issuer, door_issuer = f"http://127.0.0.1:{port_base}", f"http://localhost:{port_base + 1}"
    account_environ = _environ(data_dir / "account", ISSUER=account_issuer, DOOR_ISSUER=door_issuer)
    door_environ = _environ(data_dir / "door", ROLE="door", ISSUER=door_issuer, ACCOUNT_ISSUER=account_issuer)
    account, door = read_settings(account_environ, account_issuer), read_settings(door_environ, door_issuer)
    apps = demo_apps(port_base)
    refuse_taken_ports([port_base, port_base + 1, *(app.port for app in apps)])
    prepared = prepare(account, door, data_dir, apps)
    door_environ[PREFIX + "TOKEN_LOG_KEY"] = prepared.log_key
    servers = [
        _issuer("account issuer", port_base, account_environ, data_dir / "account.log"),
        _issuer("door", port_base + 1, door_environ, data_dir / "door.log"),
        *(_app(app, account, door, prepared, data_dir) for app in apps),
    ]
    with running(servers) as processes:
        if not processes.stopping:
            _show(account, door, apps, prepared)
        processes.watch()


def _environ(data_dir: Path, **settings: str) -> dict[str, str]:
    return {PREFIX + "DATA_DIR": str(data_dir), **{PREFIX + name: value for name, value in settings.items()}}


def _issuer(name: str, port: int, environ: Mapping[str, str], log: Path) -> Server:
    return Server(
        name=name,
        command=(*_SERVE, "--port", str(port)),
        environ=environ,
        port=port,
        # The door is ready once it has seen the key log.
        ready_path="/readyz",
        log=log,
    )


def _app(app: App, account: Settings, door: Settings, prepared: Prepared, data_dir: Path) -> Server:
    direct, veiled = prepared.direct[app.key], prepared.veiled[app.key]
    return Server(
        name=app.name,
        command=(*_APP, "--port", str(app.port)),
        environ={
            "DEMO_ISSUER": account.issuer,
            "DEMO_CLIENT_ID": direct.client_id,
            "DEMO_CLIENT_SECRET": direct.client_secret,
            "DEMO_VEILED_ISSUER": door.issuer,
            "DEMO_VEILED_CLIENT_ID": veiled.client_id,
            "DEMO_VEILED_CLIENT_SECRET": veiled.client_secret,
            # Not every resolver knows `localhost`, and some give the IPv6 address alone.
            "DEMO_VEILED_SERVER_ISSUER_URL": door.issuer.replace("//localhost:", "//127.0.0.1:"),
            "DEMO_NAME": app.name,
            "DEMO_BASE_URL": app.base_url,
            "DEMO_SPENT_TOKENS": str(data_dir / f"{app.key}.spent-tokens.sqlite"),
        },
        port=app.port,
        ready_path="/",
        log=data_dir / f"{app.key}.log",
    )


def _show(settings: Settings, door: Settings, apps: tuple[App, ...], prepared: Prepared) -> None:
    addresses = Table("open in a browser", "what it is", title="Blindage demo")
    for app in apps:
        addresses.add_row(app.base_url, f"{app.name}, an app with an age gate")
    addresses.add_row(settings.issuer, "the account issuer")
    addresses.add_row(door.issuer + "/wallet", "the age wallet, at the door of veiled sign-in")
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

    def command(key: str, module: str, *arguments: str, **settings_of_demo: str) -> None:
        environ = {"DEMO_ISSUER": settings.issuer, "DEMO_CLIENT_ID": prepared.direct[key].client_id, **settings_of_demo}
        words = [*(f"{name}={value}" for name, value in environ.items()), sys.executable, "-m", module, *arguments]
        console.print(shlex.join(words), soft_wrap=True, highlight=False, markup=False)

    console.print("A television, which has no keyboard: start it in another terminal, then scan or type in its code.")
    command(TELEVISION, "relying_party_demo.television")
    night = apps[0].base_url + "/night"
    console.print(f"A program without a sign-in: {night} takes an age token. Fetch some, then spend one.")
    for action in ("fetch", "spend"):
        command(TOKEN_CLIENT, "relying_party_demo.private_token", action, night, DEMO_TOKEN_LOG_KEY=prepared.log_key)
    console.print("Ready. Ctrl-C ends everything.")

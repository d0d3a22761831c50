"""Two real nodes of one issuer on PostgreSQL and Redis, behind a real nginx or haproxy with the shipped templates."""

import getpass
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

import tests.issuer
from tests.deploy.certificate import write_certificate
from tests.issuer import Issuer
from tests.need import ROOT, need
from tests.postgresql import PostgresCluster, running_postgresql
from tests.redis_server import running_redis
from tests.server_process import ServerProcess, free_port, start_server

DEPLOY = ROOT / "deploy"
DRAIN_SECONDS = 2.0
PROXIES = ("nginx", "haproxy")


class Node:
    """One `blindage serve`, kept up as systemd would: when its process ends, another is started."""

    def __init__(self, number: int, directory: Path, environment: dict[str, str]) -> None:
        self.number = number
        self.port = free_port()
        self.environment = {**environment, "BLINDAGE_DATA_DIR": str(directory)}
        self.log = directory / "server.log"
        self.starts = 0
        # Where the program lies that is started next: this tree, or that of another version.
        self.tree = ROOT
        self.pid_file = directory / "pid"
        directory.mkdir()
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep)

    @property
    def url(self) -> str:
        """The node's own address, beside the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def __enter__(self) -> "Node":
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._keeper.join()

    def _keep(self) -> None:
        command = [
            *tests.issuer.BLINDAGE, "serve", "--port", str(self.port), "--drain-seconds", str(DRAIN_SECONDS),
        ]  # fmt: skip
        while not self._stop.is_set():
            with self.log.open("ab") as output:
                process = subprocess.Popen(
                    command, cwd=self.tree, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                )
            self.starts += 1
            self.pid_file.write_text(str(process.pid))
            while process.poll() is None and not self._stop.is_set():
                self._stop.wait(0.1)
            # Whoever waits for the old process to be gone looks whether its number is: it has been collected now.
        # Nothing is left to be proven of this one, and its workers go with it.
        process.kill()
        process.wait()


@dataclass
class Stack:
    """What runs: `issuer` for commands, two nodes, the database's cluster, Redis, the port of the proxies."""

    issuer: Issuer
    nodes: Sequence[Node]
    cluster: PostgresCluster
    redis: ServerProcess
    directory: Path
    port: int
    certificates: Path
    drain: Path = field(init=False)

    def __post_init__(self) -> None:
        self.drain = self.directory / "drain"
        self.drain.mkdir()

    def wait_ready(self, seconds: float = 60.0) -> float:
        """Seconds until all nodes are ready; fails when they are not in time."""
        begun = time.monotonic()
        for node in self.nodes:
            while not node.ready():
                assert time.monotonic() - begun < seconds, node.log.read_text(errors="replace")[-4000:]
                time.sleep(0.05)
        return time.monotonic() - begun

    @contextmanager
    def behind(self, proxy: str) -> Iterator[str]:
        """The issuer's address while nginx or haproxy stands in front, by its shipped template."""
        program = need(proxy)
        run = self.directory / f"{proxy}-{time.monotonic_ns()}"
        run.mkdir()
        template, command = {
            "nginx": ("nginx.conf", lambda file: [program, "-p", run, "-c", file, "-e", "stderr", "-g", "daemon off;"]),
            "haproxy": ("haproxy.cfg", lambda file: [program, "-db", "-f", file]),
        }[proxy]
        config = run / template
        config.write_text(render(template, **self.values(run)))

        def answers(_: int) -> bool:
            try:
                return httpx.get(f"{self.issuer.url}/jwks", timeout=2).status_code == 200
            except httpx.HTTPError:
                return False

        server = start_server(lambda _: [str(part) for part in command(config)], answers, run / "log")
        try:
            yield self.issuer.url
        finally:
            # Both take SIGTERM for "now".
            server.stop()

    def rolling_restart(self, proxy: str) -> None:
        """Restart both nodes, one after the other, by the shipped script."""
        order = [f"{node.number}=127.0.0.1:{node.port}" for node in self.nodes]
        restart = self.directory / "restart.sh"
        # In place of systemctl: the node's keeper starts another when this one has ended.
        files = " ".join(f"{node.port}) file={node.pid_file} ;;" for node in self.nodes)
        restart.write_text(
            f'#!/bin/sh\ncase $1 in {files} esac\npid=$(cat "$file")\nkill -TERM "$pid"\n'
            'while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done\n'
        )
        restart.chmod(0o755)
        # nginx needs no time to see that a node is back; haproxy asks twice a second.
        settle = {"nginx": "0.3", "haproxy": "1"}[proxy]
        environment = {"DRAIN_DIR": str(self.drain), "RESTART": str(restart), "SETTLE": settle, "PATH": "/usr/bin:/bin"}
        command = [str(DEPLOY / "rolling-restart.sh"), *order]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr

    def values(self, run: Path) -> dict[str, str]:
        """What the templates are filled in with here."""
        return {
            "USER": getpass.getuser(),
            "RUN_DIR": str(run),
            "DRAIN_DIR": str(self.drain),
            "LISTEN": f"127.0.0.1:{self.port}",
            "SERVER_NAME": "127.0.0.1",
            "CERTIFICATE": str(self.certificates / "certificate.pem"),
            "CERTIFICATE_KEY": str(self.certificates / "key.pem"),
            "CERTIFICATE_AND_KEY": str(self.certificates / "both.pem"),
            "NODE_1": f"127.0.0.1:{self.nodes[0].port}",
            "NODE_2": f"127.0.0.1:{self.nodes[1].port}",
        }


def render(template: str, **values: str) -> str:
    """A template of `deploy/` filled in by its own script; a name too many does no harm."""
    command = [str(DEPLOY / "render.sh"), str(DEPLOY / template), *(f"{name}={text}" for name, text in values.items())]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


@contextmanager
def running_stack(directory: Path) -> Iterator[Stack]:
    """Everything but a proxy, started in order; stopped at the end."""
    certificates = directory / "certificates"
    write_certificate(certificates)
    (directory / "redis").mkdir()
    with ExitStack() as stack:
        cluster = stack.enter_context(running_postgresql(need("postgresql")))
        redis = stack.enter_context(running_redis(need("redis"), directory / "redis"))
        port = free_port()
        url = f"https://127.0.0.1:{port}"
        database = cluster.create_database()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BLINDAGE_")} | {
            "BLINDAGE_ISSUER": url,
            "BLINDAGE_DATABASE_URL": database,
            "BLINDAGE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
            "BLINDAGE_MASTER_KEY_FILE": str(directory / "master-key.json"),
            "BLINDAGE_PROXY_HOPS": "1",
            "BLINDAGE_DATA_DIR": str(directory / "commands"),
        }
        blindage = tests.issuer.BLINDAGE
        subprocess.run([*blindage, "db", "upgrade"], env=environment, check=True, capture_output=True, timeout=60)
        # One node by TCP, the other by unix socket, as deploy/account.env.example has it.
        sockets = f"?host={cluster.directory}&port={cluster.server.port}"
        by_socket = f"postgresql+psycopg://blindage@/{database.rpartition('/')[2]}{sockets}"
        nodes = [
            stack.enter_context(Node(1, directory / "node1", environment)),
            stack.enter_context(Node(2, directory / "node2", {**environment, "BLINDAGE_DATABASE_URL": by_socket})),
        ]
        issuer = Issuer(url, environment, redis, directory)
        running = Stack(issuer, nodes, cluster, redis, directory, port, certificates)
        running.wait_ready()
        yield running

"""The disk: nothing is acknowledged before it is on it (F07), and what it refuses to take is not (F08). SQLite."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import tests.issuer
from tests.faults.harness import PUBLIC, Run, Target, target
from tests.need import need
from tests.races.apps import RacingApp
from tests.races.barrier import Connection
from tests.server_process import ServerProcess

_ACKNOWLEDGEMENT = re.compile(r'\b(?:write|writev|sendto|sendmsg)\(.*HTTP/1\.1 200')
_FLUSHED = re.compile(r"\b(?:fdatasync|fsync)(?:\(.*\)| resumed>.*)\s*= 0")
_FAILED = re.compile(r"= -1 EIO .*INJECTED")


def _worker(server: ServerProcess) -> int:
    """The process that serves: the child of the main process."""
    main = server.process.pid
    return int(Path(f"/proc/{main}/task/{main}/children").read_text().split()[0])


@contextmanager
def _traced(process: int, output: Path, *options: str) -> Iterator[None]:
    """System calls of a process and all its threads, in order, in `output`."""
    command = [need("strace"), "-f", "-qq", "-s", "64", *options, "-o", output, "-p", str(process)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:
        _wait_until_traced(process)
        try:
            yield
        finally:
            # Lets go of the process.
            strace.send_signal(signal.SIGINT)
            strace.wait(20)


def _wait_until_traced(process: int) -> None:
    deadline = time.monotonic() + 10
    tasks = Path(f"/proc/{process}/task")
    while any("TracerPid:\t0\n" in (task / "status").read_text() for task in tasks.iterdir()):
        assert time.monotonic() < deadline, "strace does not attach"
        time.sleep(0.01)


def _in_order(trace: Path) -> Sequence[str]:
    """`flush` for each one that succeeded and `200` for each acknowledgement, as they happened."""
    events = []
    for line in trace.read_text(errors="replace").splitlines():
        if _FLUSHED.search(line):
            events.append("flush")
        elif _ACKNOWLEDGEMENT.search(line):
            events.append("200")
    return events


def _exchanges(hurt: Target, count: int, trace: Path) -> Sequence[str]:
    app = RacingApp(hurt.issuer, [hurt.issuer.url], *PUBLIC)
    app.secret = None
    connection, codes = Connection(hurt.issuer.url, hurt.issuer.url), app.codes(count)
    # The trail's sealer has the rows of the sign-in behind it: from here on nothing else writes.
    time.sleep(1.5)
    calls = "--trace=fdatasync,fsync,write,writev,sendto,sendmsg"
    with _traced(_worker(hurt.issuer.server), trace, calls):
        assert [app.redeem(connection, code).status for code in codes] == [200] * count
    connection.close()
    app.close()
    return _in_order(trace)


def test_every_acknowledged_exchange_was_flushed_before_it_was_answered(tmp_path: Path) -> None:
    with target(tmp_path / "data") as hurt:
        events = _exchanges(hurt, 15, tmp_path / "trace")
    assert events.count("200") == 15
    # One client, one request after another: each answer needs a flush of its own since the answer before.
    since = [part.count("flush") for part in _split(events)]
    print(f"{events.count('flush')} flushes, 15 answers, flushes before each: {since}")
    assert all(since)


@pytest.mark.long
def test_a_build_that_does_not_flush_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tests.issuer, "BLINDAGE", (sys.executable, "-m", "tests.faults.no_flush"))
    with target(tmp_path / "data") as hurt:
        events = _exchanges(hurt, 15, tmp_path / "trace")
    assert events.count("200") == 15
    assert not all(part.count("flush") for part in _split(events))


def _split(events: Sequence[str]) -> list[Sequence[str]]:
    """What happened before each acknowledgement, since the one before."""
    parts, begun = [], 0
    for place, event in enumerate(events):
        if event == "200":
            parts.append(events[begun:place])
            begun = place + 1
    return parts


def _suffers_errors(tmp_path: Path, times: int) -> None:
    with target(tmp_path / "data") as hurt:
        run = Run(hurt)
        injected = 0

        def io_errors(hurt: Target) -> float:
            nonlocal injected
            trace = tmp_path / "trace"
            # Which of the two SQLite calls depends on how it was built.
            inject = ("--trace=fsync,fdatasync", "--inject=fsync,fdatasync:error=EIO:when=20+7")
            with _traced(_worker(hurt.issuer.server), trace, *inject):
                # A busy machine flushes seldom: long enough for two errors, whatever that takes.
                deadline = time.monotonic() + 20
                while (failed := _failed(trace)) < 2 and time.monotonic() < deadline:
                    time.sleep(0.2)
            injected += max(failed, _failed(trace))
            begun = time.monotonic()
            hurt.wait_ready()
            return time.monotonic() - begun

        for _ in range(times):
            run.suffer(io_errors)
        found = run.reckon()
        hurt.issuer.run("fsck", "--json")
        hurt.issuer.run("audit", "verify", "--json")
        # Looks at every page (`PRAGMA integrity_check`) before it calls the copy one.
        assert hurt.issuer.attempt("backup", str(tmp_path / "copy.db")).returncode == 0
    print(f"{injected} I/O errors, {found.ledger.unavailable} requests refused for now")
    ledger = found.ledger
    assert injected >= 2 * times and ledger.unavailable > 0
    assert (ledger.lost, ledger.doubled, ledger.errors, found.unpaired) == ([], [], [], 0)


def _failed(trace: Path) -> int:
    return sum(bool(_FAILED.search(line)) for line in trace.read_text().splitlines())


@pytest.mark.timeout(200)
def test_flushes_that_fail_are_refused_and_lose_and_double_nothing(tmp_path: Path) -> None:
    _suffers_errors(tmp_path, 1)


@pytest.mark.long
def test_300_flushes_that_fail_lose_and_double_nothing(tmp_path: Path) -> None:
    _suffers_errors(tmp_path, 30)

"""Clocks that disagree: a little costs nobody a request, and a node that is far off is left out (threats F11)."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from idp.domain.clock import SKEW_SECONDS
from tests.deploy.stack import Node, Stack
from tests.deploy.traffic import BrowsedApp, Traffic
from tests.need import need

_LIBRARIES = Path("/usr/lib")


@contextmanager
def _clock_of(stack: Stack, node: Node, offset: str) -> Iterator[None]:
    """The node restarted with its clock moved; the time that only counts on is left alone, as a wrong clock would."""
    need("faketime")
    library = next(_LIBRARIES.rglob("libfaketimeMT.so.1"))
    right = dict(node.environment)
    node.environment |= {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    try:
        _restart(node)
        yield
    finally:
        node.environment = right
        _restart(node)
        stack.wait_ready()


def _restart(node: Node) -> None:
    before = node.starts
    os.kill(int(node.pid_file.read_text()), 15)
    deadline = time.monotonic() + 60
    while node.starts == before or _answer(node) is None:
        assert time.monotonic() < deadline, node.log.read_text(errors="replace")[-2000:]
        time.sleep(0.05)


def _answer(node: Node) -> httpx.Response | None:
    try:
        return httpx.get(f"{node.url}/readyz", timeout=2)
    except httpx.HTTPError:
        return None




@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("offset", ["+20s", "-20s"])
def test_twenty_seconds_between_two_nodes_cost_nobody_a_request(stack: Stack, offset: str) -> None:
    with stack.behind("haproxy"), _clock_of(stack, stack.nodes[1], offset):
        assert [_answer(node).status_code for node in stack.nodes] == [200, 200]
        time.sleep(1.5)
        app = BrowsedApp(stack.issuer, [stack.issuer.url])
        with Traffic(app, 4, pause=0.02) as traffic:
            time.sleep(5)
        app.close()
    print(f"{offset}: {traffic.summary()}")
    assert traffic.failed() == [], traffic.broken
    assert len(traffic.requests) > 200


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("offset", ["+10m", f"-{SKEW_SECONDS + 5}s"])
def test_a_node_whose_clock_is_far_off_is_left_out(stack: Stack, offset: str) -> None:
    with stack.behind("haproxy"), _clock_of(stack, stack.nodes[1], offset):
        off = _answer(stack.nodes[1])
        assert off is not None and (off.status_code, off.text) == (503, "clock\n")
        # The proxy asks twice a second.
        time.sleep(1.5)
        app = BrowsedApp(stack.issuer, [stack.issuer.url])
        with Traffic(app, 4, pause=0.02) as traffic:
            time.sleep(3)
        app.close()
    print(f"{offset}: {traffic.summary()}")
    assert traffic.failed() == [], traffic.broken

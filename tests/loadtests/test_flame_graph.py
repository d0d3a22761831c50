"""The flame graph shows each sample once."""

import re
from html import unescape

from loadtests.flame_graph import busiest, flame_graph

STACKS = ["main;serve;sign 30", "main;serve;seal 10", "main;serve 5", "main;<wait> 55", "not a stack"]
FRAME = re.compile(r'<title>([^<]*): [0-9.]+%</title><rect x="([0-9.]+)" y="(\d+)" width="([0-9.]+)"')


def frames(stacks: list[str], width: int) -> dict[str, tuple[float, int, float]]:
    """Frame name -> (left edge, top, width)."""
    found = FRAME.findall(flame_graph(stacks, width))
    return {unescape(name): (float(x), int(y), float(wide)) for name, x, y, wide in found}


def test_width_is_the_share_of_samples() -> None:
    widths = {name: wide for name, (_, _, wide) in frames(STACKS, 1000).items()}
    assert widths == {"all": 1000, "main": 1000, "serve": 450, "sign": 300, "seal": 100, "<wait>": 550}


def test_a_callee_stands_on_its_caller_and_within_it() -> None:
    drawn = frames(STACKS, 1000)
    for caller, callee in [("all", "main"), ("main", "serve"), ("serve", "sign"), ("serve", "seal")]:
        (left, top, wide), (x, y, narrow) = drawn[caller], drawn[callee]
        assert y < top
        assert left <= x <= x + narrow <= left + wide
    (sign, _, wide), (seal, _, narrow) = drawn["sign"], drawn["seal"]
    assert seal + narrow <= sign or sign + wide <= seal


def test_names_are_escaped() -> None:
    drawn = flame_graph(['<script>alert("x")</script>;b 1'], 500)
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_the_busiest_functions_come_first_with_their_own_share_and_the_whole() -> None:
    assert busiest(STACKS, 2) == [("<wait>", 0.55, 0.55), ("sign", 0.3, 0.3)]
    assert ("serve", 0.05, 0.45) in busiest(STACKS, 9)


def test_recursion_is_counted_once() -> None:
    assert busiest(["a;a;a 10"], 1) == [("a", 1.0, 1.0)]


def test_without_samples_there_is_no_drawing() -> None:
    assert flame_graph([], 100) == ""
    assert flame_graph(["nothing"], 100) == ""

"""The side-by-side benchmark: `python -m loadtests.bench` (README.md tells how to read it)."""

import argparse
import datetime
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from loadtests.benched_door import BlindageDoor
from loadtests.contestant import Contestant
from loadtests.door_sign_in import DoorSignIn
from loadtests.flame_graph import busiest
from loadtests.machine import description
from loadtests.own_server import OWN, BlindageSqlite
from loadtests.patience import Patience, measure_patience
from loadtests.peers.servers import PEERS
from loadtests.process import NotStarted
from loadtests.profile import NoProfiler, profile
from loadtests.ratios import OURS, OURS_ON_POSTGRESQL, Ratio, ratios_of
from loadtests.raw_limits import NAMES, measure_raw_limits
from loadtests.report_page import page
from loadtests.report_table import print_report
from loadtests.rounds import Plan, Series, measure
from loadtests.rp_verification import RP_VERIFICATION, measure_rp_verification
from loadtests.two_workers import ScaleOut, measure_two_workers
from loadtests.work import WORKS as SHARED_WORKS
from loadtests.work import CodeExchange, Work, WrongAnswer

WORKS: tuple[Work, ...] = (*SHARED_WORKS, DoorSignIn())
SERVERS = (*OWN, BlindageDoor, *PEERS)
_OUTPUT = Path(__file__).parent.parent / "var" / "bench"
_PROFILE_SECONDS = 5
_TWO_WORKERS = "two_workers"
"""Not a work that servers are compared by: one of ours with itself."""


def main() -> int:
    """Run, print, write `latest.json` and `latest.html`; the exit code.

    1 when a server of ours is missing or falls out, or, with `--require-goals`, when a ratio misses its goal.
    """
    options = _options()
    plan = Plan(options.rounds, options.seconds, options.connections)
    output: Path = options.output.absolute()
    workplace = output / "work"
    shutil.rmtree(workplace, ignore_errors=True)
    workplace.mkdir(parents=True)
    started = datetime.datetime.now(datetime.UTC)
    missing: dict[str, str] = {}
    running: list[Contestant] = []
    stacks: list[str] = []
    try:
        _start(options.servers, workplace, running, missing)
        limits = measure_raw_limits(workplace, *NAMES)
        series = [
            _measured(work, running, plan, workplace) for work in WORKS if work.name in options.only
        ]
        patience = _patience(series, running, plan, workplace)
        verified = _verified(options.only, plan, workplace)
        if options.profile:
            stacks = _profiled(running, options.connections, workplace)
    finally:
        for contestant in running:
            contestant.stop()
        shutil.rmtree(workplace, ignore_errors=True)
    # Alone: here every core is wanted.
    scale_out = _scale_out(options, plan, workplace, missing)
    for each in series:
        missing |= {f"{name}: {each.work.name}": reason for name, reason in each.fallen.items()}
    series = [each for each in series if each.samples]
    ratios = [*ratios_of(series), *verified]
    if scale_out is not None:
        # The goal holds where the database has a core of its own; else the shares show who had the cores.
        name = f"{_TWO_WORKERS}_machine_full" if scale_out.full else _TWO_WORKERS
        ratios.append(Ratio(name, scale_out.rate, scale_out.by_cost))
    facts: dict[str, Any] = {
        "when": started.isoformat(timespec="seconds"), **description(),
        "rounds": plan.rounds, "seconds a round": plan.seconds, "connections": plan.connections,
    }  # fmt: skip
    for name, seen in patience.items():
        times = f"p50 {seen.load.p50:.1f} ms, p99 {seen.load.p99:.1f} ms"
        facts[f"{name}: code exchange at {seen.share:.0%} of its most"] = times
    if scale_out is not None:
        facts |= {f"two workers ({number})": words for number, words in enumerate(scale_out.words(), 1)}
    print_report(series, ratios, limits, missing, facts)
    for each in series:
        if each.disturbed:
            facts[f"{each.work.name}: had not their core to themselves"] = ", ".join(sorted(each.disturbed))
    facts |= {f"missing: {name}": reason[:300] for name, reason in missing.items()}
    _write(output, facts, series, ratios, limits, missing, patience, stacks)
    missed = [ratio.name for ratio in ratios if ratio.met is False]
    own_missing = [name for name in missing if name.startswith("blindage")]
    return 1 if own_missing or (options.require_goals and missed) else 0


def _options() -> argparse.Namespace:
    works = [*(work.name for work in WORKS), RP_VERIFICATION, _TWO_WORKERS]
    servers = [each.name for each in SERVERS]
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, help="rounds for each server (default 7)")
    parser.add_argument("--seconds", type=int, help="length of a round (default 3)")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections (default 32)")
    parser.add_argument("--only", type=_names(works), default=works, help="works, by comma: " + ", ".join(works))
    parser.add_argument("--servers", type=_names(servers), default=servers, help="by comma: " + ", ".join(servers))
    parser.add_argument("--quick", action="store_true", help="three rounds of one second: a look, not a measurement")
    parser.add_argument("--profile", action="store_true", help="sample our stacks with py-spy, draw a flame graph")
    parser.add_argument("--require-goals", action="store_true", help="exit with 1 when a ratio misses its goal")
    parser.add_argument("--output", type=Path, default=_OUTPUT, help="folder of latest.json and latest.html")
    options = parser.parse_args()
    rounds, seconds = (3, 1) if options.quick else (7, 3)
    options.rounds, options.seconds = options.rounds or rounds, options.seconds or seconds
    return options


def _names(known: list[str]) -> Any:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
        return names

    return parse


def _start(wanted: list[str], workplace: Path, running: list[Contestant], missing: dict[str, str]) -> None:
    """Start every server that can be; what cannot is said, never made up."""
    for kind in SERVERS:
        if kind.name not in wanted:
            continue
        contestant: Contestant = kind()
        _tell(f"starting {contestant.label}")
        reason = contestant.missing()
        if reason is None:
            directory = workplace / contestant.name
            directory.mkdir()
            try:
                contestant.start(directory)
                running.append(contestant)
                continue
            except (NotStarted, RuntimeError) as error:
                reason = str(error)
        missing[contestant.name] = reason


def _measured(work: Any, running: list[Contestant], plan: Plan, workplace: Path) -> Series:
    able = [
        contestant
        for contestant in running
        if work.offered(contestant) and (contestant.works is None or work.name in contestant.works)
    ]
    return measure(work, able, plan, workplace, _tell)


def _verified(wanted: list[str], plan: Plan, workplace: Path) -> list[Ratio]:
    if RP_VERIFICATION not in wanted:
        return []
    _tell(f"{RP_VERIFICATION}: {plan.rounds} rounds")
    return [Ratio(RP_VERIFICATION, *measure_rp_verification(workplace, plan.rounds))]


def _patience(
    series: list[Series], running: list[Contestant], plan: Plan, workplace: Path
) -> dict[str, Patience]:
    """Of our own servers, where the code exchange was measured."""
    found = {}
    for each in series:
        for contestant in running:
            if each.work.name == "code_exchange" and contestant.name in each.samples and contestant.ours:
                rate = each.rate(contestant.name)
                found[contestant.name] = measure_patience(each.work, contestant, rate, plan, workplace)
    return found


def _scale_out(
    options: argparse.Namespace, plan: Plan, workplace: Path, missing: dict[str, str]
) -> ScaleOut | None:
    """Two workers against one, where PostgreSQL is among the servers that are measured."""
    if _TWO_WORKERS not in options.only or OURS_ON_POSTGRESQL not in options.servers or OURS_ON_POSTGRESQL in missing:
        return None
    workplace.mkdir()
    try:
        return measure_two_workers(plan, workplace, _tell)
    except (WrongAnswer, NotStarted, RuntimeError, OSError) as error:
        missing[f"{OURS_ON_POSTGRESQL}: {_TWO_WORKERS}"] = str(error)
        return None
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _profiled(running: list[Contestant], connections: int, workplace: Path) -> list[str]:
    ours = next((each for each in running if each.name == OURS), None)
    if not isinstance(ours, BlindageSqlite):
        return []
    try:
        stacks = profile(ours, CodeExchange(), _PROFILE_SECONDS, connections, workplace)
    except NoProfiler as error:
        _tell(f"no profile: {error}")
        return []
    print("share of samples: in the function itself, with what it calls")
    for name, own, below in busiest(stacks, 30):
        print(f"{own:7.1%} {below:7.1%}  {name}")
    return stacks


def _write(
    output: Path, facts: dict[str, Any], series: list[Series], ratios: list[Any], limits: dict[str, float],
    missing: dict[str, str], patience: dict[str, Patience], stacks: list[str],
) -> None:  # fmt: skip
    labels = {kind.name: kind.label for kind in SERVERS}
    document = {
        "facts": facts,
        "ratios": {ratio.name: round(ratio.rate, 3) for ratio in ratios},
        "cpu_ratios": {ratio.name: round(ratio.cpu, 3) for ratio in ratios},
        "goals_missed": [ratio.name for ratio in ratios if ratio.met is False],
        "raw_limits": {name: round(rate) for name, rate in limits.items()},
        "at_70_percent": {
            name: {"share": round(seen.share, 2), "p50_ms": seen.load.p50, "p99_ms": seen.load.p99}
            for name, seen in patience.items()
        },
        "disturbed": {each.work.name: sorted(each.disturbed) for each in series if each.disturbed},
        "missing": missing,
        "figures": {each.work.name: _figures(each) for each in series},
    }
    (output / "latest.json").write_text(json.dumps(document, indent=1) + "\n")
    (output / "latest.html").write_text(page(series, ratios, limits, facts, labels, stacks), encoding="utf-8")
    _tell(f"wrote {output / 'latest.json'} and {output / 'latest.html'}")


def _figures(series: Series) -> dict[str, list[dict[str, float]]]:
    return {
        name: [
            {
                "requests_per_second": round(sample.load.rate, 1),
                "cpu_microseconds": round(sample.cpu_per_request, 1),
                "core_share": round(sample.core_share, 3),
                "p50_ms": sample.load.p50,
                "p99_ms": sample.load.p99,
                "resident_mb": round(sample.resident / 1e6, 1),
            }
            for sample in samples
        ]
        for name, samples in series.samples.items()
    }


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

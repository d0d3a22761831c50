"""What the benchmark prints when it is done."""

from typing import Any

from rich.console import Console
from rich.table import Table

from loadtests.ratios import Ratio
from loadtests.rounds import UNDISTURBED, Series


def print_report(
    series: list[Series], ratios: list[Ratio], limits: dict[str, float], missing: dict[str, str],
    facts: dict[str, Any],
) -> None:  # fmt: skip
    """Tables of figures and ratios on the terminal."""
    # A pipe has no width of its own: the tables shall not be cut there.
    console = Console()
    console = console if console.is_terminal else Console(width=140)
    for each in series:
        console.print(_figures(each))
    if ratios:
        console.print(_ratios(ratios))
    table = Table("raw limit, one core, same run", "a second", title_justify="left")
    for name, rate in limits.items():
        table.add_row(name.replace("_", " "), f"{rate:,.0f}")
    console.print(table)
    if any(each.disturbed for each in series):
        console.print(f"* had less than {UNDISTURBED:.0%} of its core: it waited, or the machine was busy")
    for name, fact in facts.items():
        console.print(f"{name}: {fact}", markup=False, highlight=False)
    for name, reason in missing.items():
        console.print(f"missing: {name}: {reason}", markup=False)


def _figures(series: Series) -> Table:
    table = Table(title=series.work.title, title_justify="left")
    table.add_column("server")
    for heading in ("requests/s", "CPU us/request", "core share", "p50 ms", "p99 ms", "MB"):
        table.add_column(heading, justify="right")
    for name, samples in series.samples.items():
        middle = sorted(samples, key=lambda sample: sample.load.rate)[len(samples) // 2]
        mark = "*" if name in series.disturbed else ""
        table.add_row(
            name, f"{series.rate(name):,.0f}", f"{series.cpu_per_request(name):,.0f}", f"{middle.core_share:.2f}{mark}",
            f"{middle.load.p50:.1f}", f"{middle.load.p99:.1f}", f"{samples[-1].resident / 1e6:,.0f}",
        )  # fmt: skip
    return table


def _ratios(ratios: list[Ratio]) -> Table:
    table = Table(title="Ratios (medians of paired rounds)", title_justify="left")
    table.add_column("ratio")
    for heading in ("requests/s", "CPU", "goal", "met"):
        table.add_column(heading, justify="right")
    for ratio in ratios:
        goal = "" if ratio.goal is None else f"{ratio.goal:.2f}"
        met = "" if ratio.met is None else ("yes" if ratio.met else "NO")
        table.add_row(ratio.name, f"{ratio.rate:.2f}", f"{ratio.cpu:.2f}", goal, met)
    return table

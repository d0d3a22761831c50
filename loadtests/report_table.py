"""What the benchmark prints when it is done."""

from typing import Any

from rich.console import Console
from rich.table import Table

from loadtests.ratios import Ratio
from loadtests.report_rows import DISTURBED, FIGURES, NOT_ALL_ARE_RATIOS, RATIOS, figure_rows, ratio_rows
from loadtests.rounds import Series


def print_report(
    series: list[Series], ratios: list[Ratio], limits: dict[str, float], missing: dict[str, str],
    facts: dict[str, Any],
) -> None:  # fmt: skip
    """Tables of figures and ratios on the terminal."""
    # A pipe has no width of its own: the tables shall not be cut there.
    console = Console()
    console = console if console.is_terminal else Console(width=140)
    for each in series:
        console.print(_table(each.work.title, FIGURES, figure_rows(each)))
    if any(each.disturbed for each in series):
        console.print(DISTURBED, markup=False)
    if ratios:
        console.print(_table("Ratios (medians of paired rounds)", RATIOS, ratio_rows(ratios)))
        console.print(NOT_ALL_ARE_RATIOS, markup=False, highlight=False)
    table = Table("raw limit, one core, same run", "a second", title_justify="left")
    for name, rate in limits.items():
        table.add_row(name.replace("_", " "), f"{rate:,.0f}")
    console.print(table)
    for name, fact in facts.items():
        console.print(f"{name}: {fact}", markup=False, highlight=False)
    for name, reason in missing.items():
        console.print(f"missing: {name}: {reason}", markup=False)


def _table(title: str, headings: tuple[str, ...], rows: list[list[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, justify="right" if table.columns else "left")
    for row in rows:
        table.add_row(*row)
    return table

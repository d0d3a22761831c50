"""The benchmark's page: one HTML file with charts in SVG, no script, nothing from elsewhere."""

from html import escape
from typing import Any

from loadtests.flame_graph import flame_graph
from loadtests.ratios import Ratio
from loadtests.report_rows import DISTURBED, FIGURES, NOT_ALL_ARE_RATIOS, RATIOS, figure_rows, ratio_rows
from loadtests.rounds import Series

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --paper: #fff; --soft: #5b6774; --line: #d7dde3;
  --ours: #0b6e99; --peer: #9aa7b4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --paper: #14191f; --soft: #9fabb7; --line: #333d47;
  --ours: #4db4de; --peer: #66727e; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
.soft { color: var(--soft); } svg { max-width: 100%; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg .ours { fill: var(--ours); } svg .peer { fill: var(--peer); } svg .whisker { stroke: var(--ink); }
.frame text { font-size: 11px; fill: #1c2733; }
"""
_WIDTH, _BAR, _LABEL = 900, 30, 300


def page(
    series: list[Series], ratios: list[Ratio], limits: dict[str, float], facts: dict[str, Any],
    labels: dict[str, str], profile: list[str] | None,
) -> str:  # fmt: skip
    """The whole document. `facts` say when and where, `labels` name the servers, `profile` has folded stacks."""
    parts = [
        "<!doctype html>", '<html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>Blindage: side-by-side benchmark</title>", f"<style>{_STYLE}</style>",
        "<h1>Side-by-side benchmark</h1>", _facts(facts), "<h2>Ratios</h2>",
        '<p class="soft">How many times the work of the other server ours does: medians of paired rounds. Ratios of '
        "one run count; absolute figures are this machine's.</p>", _table(RATIOS, ratio_rows(ratios)),
        f'<p class="soft">{escape(NOT_ALL_ARE_RATIOS)}</p>',
    ]  # fmt: skip
    for each in series:
        parts += [f"<h2>{escape(each.work.title)}</h2>", _bars(each, labels), _figures(each, labels)]
    if any(each.disturbed for each in series):
        parts.append(f'<p class="soft">{escape(DISTURBED)}</p>')
    parts += ["<h2>Raw limits of this run, one core</h2>", _limits(limits)]
    if profile:
        parts += [
            "<h2>Where the time of a code exchange goes</h2>",
            '<p class="soft">Samples of the Python stacks of one worker under load; width is time. '
            "Hover over a frame for its whole name.</p>", flame_graph(profile, _WIDTH),
        ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _facts(facts: dict[str, Any]) -> str:
    return '<p class="soft">' + "<br>".join(f"{escape(k)}: {escape(str(v))}" for k, v in facts.items()) + "</p>"


def _bars(series: Series, labels: dict[str, str]) -> str:
    """Requests a second: a bar to the median, a whisker from the slowest to the fastest round."""
    rates = {name: [sample.load.rate for sample in samples] for name, samples in series.samples.items()}
    top = max(max(each) for each in rates.values())
    scale = (_WIDTH - _LABEL - 90) / top
    height = _BAR * len(rates) + 10
    said = ", ".join(f"{labels[name]} {series.rate(name):,.0f}" for name in rates)
    svg = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-label="Requests a second: {escape(said)}">'
    ]
    for row, (name, each) in enumerate(rates.items()):
        y = row * _BAR + 5
        median = series.rate(name) * scale
        kind = "ours" if name.startswith("blindage") else "peer"
        middle = y + _BAR / 2 - 3
        svg += [
            f'<text x="{_LABEL - 8}" y="{y + 17}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{_LABEL}" y="{y}" width="{median:.1f}" height="{_BAR - 8}" rx="2"/>',
            f'<line class="whisker" x1="{_LABEL + min(each) * scale:.1f}" x2="{_LABEL + max(each) * scale:.1f}" '
            f'y1="{middle}" y2="{middle}"/>',
            f'<text x="{_LABEL + max(each) * scale + 8:.1f}" y="{y + 17}">{series.rate(name):,.0f}/s</text>',
        ]
    return "\n".join([*svg, "</svg>"])


def _figures(series: Series, labels: dict[str, str]) -> str:
    return _table(FIGURES, [[labels[name], *cells] for name, *cells in figure_rows(series)])


def _limits(limits: dict[str, float]) -> str:
    return _table(("operation", "a second"), [[n.replace("_", " "), f"{v:,.0f}"] for n, v in limits.items()])


def _table(headings: tuple[str, ...], rows: list[list[str]]) -> str:
    head = "".join(f"<th scope=col>{escape(text)}" for text in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in rows)
    return f"<table><thead><tr>{head}<tbody>{body}</table>"

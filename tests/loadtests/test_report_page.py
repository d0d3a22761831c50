"""The report is one file: no script, nothing fetched, every figure in text as well as in a chart."""

import re

import pytest

from loadtests.ratios import ratios_of
from loadtests.report_page import page
from loadtests.report_rows import FIGURES, RATIOS
from loadtests.report_table import print_report
from loadtests.rounds import Series
from loadtests.work import WORKS
from tests.loadtests.test_ratios import sample, series

LABELS = {"blindage_sqlite": "Blindage <embedded>", "node_memory": "node-oidc-provider"}


def written() -> str:
    measured: list[Series] = [series(WORKS[0], blindage_sqlite=[5000, 5100, 4900], node_memory=[2500, 2500, 2400])]
    return page(measured, ratios_of(measured), {"es256_signatures": 40123.0}, {"when": "today"}, LABELS, ["a;b 3"])


def test_nothing_is_fetched_and_nothing_runs() -> None:
    assert not re.search(r"<script|javascript:|(?:src|href)=|url\(|@import", written())


def test_labels_are_escaped() -> None:
    assert "Blindage &lt;embedded&gt;" in written()
    assert "<embedded>" not in written()


def test_figures_stand_in_the_page_as_text() -> None:
    assert "5,000" in written()
    assert "40,123" in written()
    assert "code_exchange_sqlite" in written()
    assert "2.04" in written() or "2.00" in written()


def test_columns_have_the_words_of_the_terminal() -> None:
    for headings in (FIGURES, RATIOS):
        assert "".join(f"<th scope=col>{heading}" for heading in headings) in written()


def test_a_server_without_its_core_is_marked_and_the_mark_explained() -> None:
    starved = Series(WORKS[0], {"blindage_sqlite": [sample(1000, 400.0)]})
    shown = page([starved], [], {}, {}, LABELS, None)
    assert "<td>0.40*<td>" in shown
    assert "* had less than 85%" in shown
    assert "* had less than" not in written()


def test_both_reports_say_which_lines_are_no_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    measured = [series(WORKS[0], blindage_sqlite=[5000], node_memory=[2500])]
    print_report(measured, ratios_of(measured), {}, {}, {})
    printed = capsys.readouterr().out
    for words in ("part of the raw limit", "so many a second and core"):
        assert words in written()
        assert words in printed
    assert "MB (PSS)" in printed

"""The report is one file: no script, nothing fetched, every figure in text as well as in a chart."""

import re

from loadtests.ratios import ratios_of
from loadtests.report_page import page
from loadtests.rounds import Series
from loadtests.work import WORKS
from tests.loadtests.test_ratios import series

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

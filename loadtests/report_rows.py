"""The benchmark's figures as rows of text: the terminal and the page show the same columns by the same words."""

from loadtests.door_sign_in import DOOR_SIGN_IN
from loadtests.ratios import Ratio
from loadtests.rounds import UNDISTURBED, Series
from loadtests.rp_verification import RP_VERIFICATION

FIGURES = ("server", "requests/s", "CPU us/request", "core share", "p50 ms", "p99 ms", "MB (PSS)")
RATIOS = ("ratio", "requests/s", "CPU", "goal", "met")

NOT_ALL_ARE_RATIOS = (
    f"`*_share`: part of the raw limit; `{DOOR_SIGN_IN}`, `{RP_VERIFICATION}`: so many a second and core"
)
DISTURBED = f"* had less than {UNDISTURBED:.0%} of its core: it waited, or the machine was busy"


def figure_rows(series: Series) -> list[list[str]]:
    """A row of `FIGURES` for each server, by its name; shares, times and memory are of one round, the others medians.

    Share and times: of the round in the middle by requests a second. Memory: after the last.
    """
    rows = []
    for name, samples in series.samples.items():
        middle = sorted(samples, key=lambda sample: sample.load.rate)[len(samples) // 2]
        mark = "*" if name in series.disturbed else ""
        rows.append([
            name, f"{series.rate(name):,.0f}", f"{series.cpu_per_request(name):,.0f}", f"{middle.core_share:.2f}{mark}",
            f"{middle.load.p50:.1f}", f"{middle.load.p99:.1f}", f"{samples[-1].resident / 1e6:,.0f}",
        ])  # fmt: skip
    return rows


def ratio_rows(ratios: list[Ratio]) -> list[list[str]]:
    """A row of `RATIOS` for each."""
    return [
        [
            ratio.name, f"{ratio.rate:.2f}", f"{ratio.cpu:.2f}", "" if ratio.goal is None else f"{ratio.goal:.2f}",
            {True: "yes", False: "NO", None: ""}[ratio.met],
        ]
        for ratio in ratios
    ]  # fmt: skip

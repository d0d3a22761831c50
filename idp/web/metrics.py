"""Prometheus metrics: answers of the machine endpoints by endpoint and status, their durations, and requests to apps.

Pages are not counted, and no label says anything of a person. Each thread counts for itself, without a lock and
without touching a file: that would cost more than some answers themselves. Once a second the process adds its threads
up into a file of its own, and the page adds up all files.
"""

import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from threading import Lock, get_ident
from typing import Protocol, TypeVar

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

K = TypeVar("K")
N = TypeVar("N", int, float)

WRITE_SECONDS = 1.0
"""How often a process writes its figures down: so old may those of another be."""

_BOUNDS: tuple[float, ...] = Histogram.DEFAULT_BUCKETS
"""Upper bounds of the durations, in seconds; the last is infinite."""

# The bounds as Prometheus writes them, in the label `le`.
_BOUND_LABELS = [*map(str, _BOUNDS[:-1]), "+Inf"]


class Metrics(Protocol):
    """Where answered requests are counted."""

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one answer."""
        ...

    def page(self) -> tuple[bytes, str]:
        """All processes' figures in the text format, and its content type."""
        ...


class SharedMetrics:
    """Figures of all worker processes that share one directory.

    `process` is the number in the name of this one's file; by default the process id.
    """

    def __init__(self, directory: Path, process: int | None = None) -> None:
        self._directory = directory
        self._file = directory / f"{os.getpid() if process is None else process}.json"
        # Of an ended process that had this process id.
        self._earlier = _Tally.read(self._file)
        self._threads: dict[int, _Tally] = {}
        self._written = b""
        self._lock = Lock()

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one answer; `endpoint` is a name of our path tables, never an address as sent."""
        tally = self._own()
        tally.requests[endpoint, status] += 1
        # Prometheus: a bucket holds what is at most its bound.
        tally.durations[endpoint, bisect_left(_BOUNDS, seconds)] += 1
        tally.seconds[endpoint] += seconds

    def fetched(self, method: str, outcome: str) -> None:
        """Count one request of ours to an app; both words are from short lists (`POST`, `ok`)."""
        self._own().fetches[method, outcome] += 1

    def write_down(self) -> None:
        """Keep this process's figures for the page of any process. OSError when the disk refuses."""
        with self._lock:
            figures = self._sum().dump()
            if figures != self._written or not self._file.exists():
                part = self._file.with_suffix(".part")
                part.write_bytes(figures)
                part.replace(self._file)
                self._written = figures

    def page(self) -> tuple[bytes, str]:
        """The text format of Prometheus."""
        # Only what has been written down: a figure that the next page, by another process, does not have would look
        # like a counter that went back.
        with suppress(OSError):
            self.write_down()
        total = _Tally.parse(self._written)
        for file in sorted(self._directory.glob("*.json")):
            if file != self._file:
                total.add(_Tally.read(file))
        registry = CollectorRegistry()
        registry.register(total)
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def _own(self) -> "_Tally":
        """This thread's figures. A later thread with the same id goes on with them."""
        number = get_ident()
        return self._threads.get(number) or self._threads.setdefault(number, _Tally())

    def _sum(self) -> "_Tally":
        total = _Tally()
        for tally in (self._earlier, *self._threads.copy().values()):
            total.add(tally)
        return total


class _Tally(Collector):
    """Figures of a thread, a process, or several.

    `requests` by endpoint and status; `durations` by endpoint and index into `_BOUNDS`, not yet added up; `fetches` by
    method and outcome.
    """

    def __init__(self) -> None:
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.durations: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.fetches: defaultdict[tuple[str, str], int] = defaultdict(int)

    @classmethod
    def read(cls, file: Path) -> "_Tally":
        """What `dump` wrote to a file; nothing when there is none, or it is torn or of another version."""
        try:
            return cls.parse(file.read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    @classmethod
    def parse(cls, figures: bytes) -> "_Tally":
        """The inverse of `dump`; nothing for no bytes. ValueError, KeyError or TypeError for other text."""
        tally = cls()
        if figures:
            kept = orjson.loads(figures)
            tally.requests.update({(name, status): count for name, status, count in kept["requests"]})
            tally.durations.update({(name, bucket): count for name, bucket, count in kept["durations"]})
            tally.seconds.update(kept["seconds"])
            tally.fetches.update({(method, outcome): count for method, outcome, count in kept["fetches"]})
        return tally

    def dump(self) -> bytes:
        """As JSON, for `read`."""
        return orjson.dumps({
            "requests": [[*key, count] for key, count in self.requests.items()],
            "durations": [[*key, count] for key, count in self.durations.items()],
            "seconds": self.seconds,
            "fetches": [[*key, count] for key, count in self.fetches.items()],
        })  # fmt: skip

    def add(self, other: "_Tally") -> None:
        """Add another's figures, those of a thread that counts meanwhile included."""
        _add(self.requests, other.requests)
        _add(self.durations, other.durations)
        _add(self.seconds, other.seconds)
        _add(self.fetches, other.fetches)

    def collect(self) -> Iterator[Metric]:
        """The figures in the form of the metrics package."""
        requests = CounterMetricFamily("blindage_requests", "Requests answered.", labels=["endpoint", "status"])
        for (endpoint, status), count in sorted(self.requests.items()):
            requests.add_metric([endpoint, str(status)], count)
        yield requests
        durations = HistogramMetricFamily("blindage_request_seconds", "Time to answer.", labels=["endpoint"])
        for endpoint, seconds in sorted(self.seconds.items()):
            up_to = accumulate(self.durations[endpoint, bucket] for bucket in range(len(_BOUNDS)))
            durations.add_metric([endpoint], list(zip(_BOUND_LABELS, up_to, strict=True)), seconds)
        yield durations
        fetches = CounterMetricFamily(
            "blindage_outbound_requests", "Requests to addresses that apps registered.", labels=["method", "outcome"]
        )
        for (method, outcome), count in sorted(self.fetches.items()):
            fetches.add_metric([method, outcome], count)
        yield fetches


def _add(figures: defaultdict[K, N], more: defaultdict[K, N]) -> None:
    # One step for the interpreter: a dictionary that another thread adds to cannot be walked through.
    for key, number in more.copy().items():
        figures[key] += number


def is_figures(file: Path) -> bool:
    """Whether a file is one of a process's figures, by its name."""
    return file.stem.isdigit() and file.suffix in (".json", ".part")


class NoMetrics:
    """For commands and tests: nothing is counted."""

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Forget it."""

    def page(self) -> tuple[bytes, str]:
        """An empty page."""
        return b"", "text/plain; version=0.0.4; charset=utf-8"

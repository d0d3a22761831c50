"""Prometheus metrics: requests by endpoint and status, and their durations. No label says anything of a person."""

from pathlib import Path
from typing import Protocol


class Metrics(Protocol):
    """Where answered requests are counted."""

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one answer."""
        ...

    def page(self) -> tuple[bytes, str]:
        """All processes' figures in the text format, and its content type."""
        ...


class SharedMetrics:
    """Figures of all worker processes, kept in files of one directory (prometheus_client's multiprocess mode)."""

    def __init__(self, directory: Path) -> None:
        # Imported here: the package looks at PROMETHEUS_MULTIPROC_DIR when it is first imported.
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        self._requests = Counter(
            "blindage_requests", "Requests answered.", ["endpoint", "status"], registry=CollectorRegistry()
        )
        self._seconds = Histogram(
            "blindage_request_seconds", "Time to answer.", ["endpoint"], registry=CollectorRegistry()
        )
        self._fetches = Counter(
            "blindage_outbound_requests",
            "Requests to addresses that apps registered.",
            ["method", "outcome"],
            registry=CollectorRegistry(),
        )
        # Looking a label up costs more than counting: each combination is looked up once.
        self._counters = {("", 0): self._requests.labels("none", "0")}
        self._timers = {"": self._seconds.labels("none")}

        def page() -> tuple[bytes, str]:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]  # as published
            return generate_latest(registry), CONTENT_TYPE_LATEST

        self._page = page

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one answer; `endpoint` is a name of our path tables, never an address as sent."""
        counter = self._counters.get((endpoint, status))
        if counter is None:
            counter = self._counters[endpoint, status] = self._requests.labels(endpoint, str(status))
        timer = self._timers.get(endpoint)
        if timer is None:
            timer = self._timers[endpoint] = self._seconds.labels(endpoint)
        counter.inc()
        timer.observe(seconds)

    def fetched(self, method: str, outcome: str) -> None:
        """Count one request of ours to an app; both words are from short lists, never an address."""
        self._fetches.labels(method, outcome).inc()

    def page(self) -> tuple[bytes, str]:
        """The text format of Prometheus."""
        return self._page()


class NoMetrics:
    """For commands and tests: nothing is counted."""

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Forget it."""

    def page(self) -> tuple[bytes, str]:
        """An empty page."""
        return b"", "text/plain; version=0.0.4; charset=utf-8"

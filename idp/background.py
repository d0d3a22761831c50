"""What a server process does beside answering: small tasks, each again and again, none of which may stop the others."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LEAST_REST_SECONDS = 0.01
"""Between two turns of a task that has more to do: several groups of requests are committed meanwhile."""

LONGEST_REST_SECONDS = 0.1
"""However slow everything is: what has to be done must not grow faster than it is done."""

_log = logging.getLogger("blindage.background")


@dataclass(frozen=True, slots=True)
class Task:
    """One chore. `run` is short, may run in several processes at once, and decides in the database who does it.

    When it answers True there is more to do: its next turn comes sooner, so that it takes about `share` of the time.
    """

    name: str
    every_seconds: float
    run: Callable[[], object]
    share: float = 0.0

    def rest_after(self, took: float, more: bool) -> float:
        """Seconds until the next turn, after one that took so long. Who is slowed down by others slows down itself."""
        if not (more and self.share):
            return self.every_seconds
        return min(LONGEST_REST_SECONDS, max(LEAST_REST_SECONDS, took * (1 / self.share - 1)))


class Background:
    """One daemon thread per task; a failure is logged by kind and tried again at the next turn."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(task,), name=f"blindage-{task.name}", daemon=True)
            for task in tasks
        ]

    def start(self) -> None:
        """Begin all tasks; each runs at once and then at its interval."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each finish its turn; waits at most five seconds for each."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _repeat(self, task: Task) -> None:
        while True:
            started, more = time.monotonic(), False
            try:
                more = task.run() is True
            except Exception as error:
                _log.warning("task failed", extra={"endpoint": task.name, "kind": type(error).__name__})
            if self._stop.wait(task.rest_after(time.monotonic() - started, more)):
                return

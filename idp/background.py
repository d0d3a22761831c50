"""What a server process does beside answering: small tasks, each again and again, none of which may stop the others."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_log = logging.getLogger("blindage.background")


@dataclass(frozen=True, slots=True)
class Task:
    """One chore. `run` is short, may run in several processes at once, and decides in the database who does it."""

    name: str
    every_seconds: float
    run: Callable[[], object]


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
            try:
                task.run()
            except Exception as error:
                _log.warning("task failed", extra={"endpoint": task.name, "kind": type(error).__name__})
            if self._stop.wait(task.every_seconds):
                return

"""What one worker process does before it serves: part with secrets in its environment, die with its parent, build."""

import ctypes
import gc
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Protocol

from idp.background import Background, Task
from idp.composition import compose, compose_door, key_log_follower
from idp.domain.errors import Unavailable
from idp.logs import configure_logging
from idp.protocol.provider import Provider
from idp.services.app_inspection import take_down
from idp.settings import Role, Settings
from idp.upkeep import upkeep_tasks
from idp.web.metrics import WRITE_SECONDS, SharedMetrics, is_figures
from idp.wsgi import Application, build_application

_PR_SET_PDEATHSIG = 1


class Flag(Protocol):
    """A byte shared by all processes of a server (multiprocessing.RawValue)."""

    value: int


def load_worker(settings: Settings, parent: int, draining: Flag) -> Application:
    """Build the application after fork, so that no connection is shared between processes (threats G04)."""
    _die_with_parent(parent)
    configure_logging()
    # The server copies the environment into every request, where an HTTP_ name would look like a header.
    for name in [name for name in os.environ if name.startswith(("BLINDAGE_", "HTTP_"))]:
        del os.environ[name]
    metrics = SharedMetrics(metrics_directory(settings))
    provider = compose(settings, count_fetch=metrics.fetched)
    if settings.role is Role.DOOR:
        # Before anything is served: a door that starts on a restored backup must know which keys were revoked since.
        key_log_follower(compose_door(provider, settings)).follow()
    chores = [*upkeep_tasks(provider, settings), Task("metrics", WRITE_SECONDS, metrics.write_down)]
    Background(chores).start()
    # What a kill forgets, an orderly end does not. A forked process runs this, and no handlers of `atexit`.
    Finalize(None, partial(_take_leave, provider, settings, metrics), exitpriority=0)
    application = build_application(provider, settings, metrics, lambda: bool(draining.value))
    # What lives as long as the process need not be looked through again and again.
    gc.collect()
    gc.freeze()
    return application


def _take_leave(provider: Provider, settings: Settings, metrics: SharedMetrics) -> None:
    """Keep what is counted in memory, as far as disk and database let us."""
    with suppress(OSError):
        metrics.write_down()
    if settings.role is not Role.DOOR:
        with suppress(Unavailable):
            take_down(provider.realm.store, provider.now(), provider.app_use)


def metrics_directory(settings: Settings) -> Path:
    """Where worker processes keep their figures."""
    return settings.data_dir / "metrics"


def clear_metrics(settings: Settings) -> None:
    """Forget the figures of processes that are gone; run by the main process before any worker starts."""
    directory = metrics_directory(settings)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in directory.iterdir():
        # Named by the process id. A server that runs on this directory keeps its figures.
        if is_figures(file) and not Path(f"/proc/{file.stem}").exists():
            file.unlink(missing_ok=True)


def _die_with_parent(parent: int) -> None:
    """A killed main process must not leave workers serving (Linux; elsewhere the supervisor sees to it)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the call above: nobody would ever tell us.
        os.kill(os.getpid(), signal.SIGKILL)

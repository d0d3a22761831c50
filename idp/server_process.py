"""What one worker process does before it serves: part with secrets in its environment, die with its parent, build."""

import ctypes
import os
import signal
import sys

from idp.composition import compose
from idp.settings import Settings
from idp.wsgi import Application, build_application

_PR_SET_PDEATHSIG = 1


def load_worker(settings: Settings, parent: int) -> Application:
    """Build the application after fork, so that no connection is shared between processes (threats G04)."""
    _die_with_parent(parent)
    # The server copies the environment into every request, where an HTTP_ name would look like a header.
    for name in [name for name in os.environ if name.startswith(("BLINDAGE_", "HTTP_"))]:
        del os.environ[name]
    return build_application(compose(settings), settings)


def _die_with_parent(parent: int) -> None:
    """A killed main process must not leave workers serving (Linux; elsewhere the supervisor sees to it)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the call above: nobody would ever tell us.
        os.kill(os.getpid(), signal.SIGKILL)

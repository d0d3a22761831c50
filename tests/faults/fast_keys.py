"""A server whose signing keys live by seconds: the same code with a shorter cache, window and schedule."""

import sys

from idp import upkeep
from idp.cli import main
from idp.protocol import metadata
from idp.services import keys

# A key signs for five seconds: one until its successor is published, four until that one takes over. Four, since a
# verifier's copy may be a second old, and that of the node it came from two.
CACHE_SECONDS = 1
WINDOW_SECONDS = 4
ROTATE_SECONDS = 1
KEPT_SECONDS = 20

if __name__ == "__main__":
    metadata.MAX_AGE = CACHE_SECONDS
    upkeep.KEYS_SECONDS = 0.2
    schedule, advance = keys.schedule, keys.advance
    upkeep.schedule = lambda store, clock: schedule(store, clock, ROTATE_SECONDS)  # type: ignore[assignment]
    upkeep.advance = lambda store, clock: advance(store, clock, WINDOW_SECONDS, KEPT_SECONDS)  # type: ignore[assignment]
    sys.exit(main())

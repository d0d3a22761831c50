"""A server with the textbook's rotation, for one test: a refresh token works once, whether or not its answer came."""

from idp.cli import main
from idp.protocol.grants import refresh_token

if __name__ == "__main__":
    # Not even within the second of the rotation.
    refresh_token.REFRESH_GRACE_SECONDS = -1
    main()

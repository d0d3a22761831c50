"""Put authorization codes into the Django provider's database: `mint.py COUNT [refresh]`, codes as JSON lines.

The first line names the client. The toolkit issues a refresh token at every exchange, so one client serves for both.
"""

import base64
import hashlib
import json
import secrets
import sys
from datetime import timedelta

import provider  # noqa: F401  # it configures Django
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from oauth2_provider.models import Application, Grant

PEOPLE = 64
REDIRECT_URI = "http://127.0.0.1:9/callback"


def main():
    """Print the client, then one line a code."""
    call_command("migrate", verbosity=0)
    secret = secrets.token_urlsafe(32)
    application = Application.objects.create(
        name="bench", client_type=Application.CLIENT_CONFIDENTIAL, client_secret=secret, redirect_uris=REDIRECT_URI,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE, algorithm=Application.RS256_ALGORITHM,
        # Its default hashes the secret as if it were a password: two exchanges a second. This favours the peer.
        hash_client_secret=False,
    )  # fmt: skip
    if not User.objects.exists():
        User.objects.bulk_create(User(username=f"bench-{n}", last_login=timezone.now()) for n in range(PEOPLE))
    users = list(User.objects.all())
    expires = timezone.now() + timedelta(seconds=300)
    grants = []
    print(json.dumps({"client_id": application.client_id, "client_secret": secret, "redirect_uri": REDIRECT_URI}))
    for index in range(int(sys.argv[1])):
        code, verifier = secrets.token_urlsafe(36), secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        grants.append(
            Grant(
                user=users[index % PEOPLE], code=code, application=application, expires=expires,
                redirect_uri=REDIRECT_URI, scope="openid age", nonce=secrets.token_urlsafe(16),
                code_challenge=challenge, code_challenge_method="S256",
            )
        )  # fmt: skip
        print(json.dumps({"code": code, "code_verifier": verifier}))
    Grant.objects.bulk_create(grants)


main()

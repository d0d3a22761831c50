"""django-oauth-toolkit with the settings its documentation asks for, on SQLite. Run by gunicorn.

It signs ID tokens with RS256 or HS256 only, so RS256 here; everything else is its default, except that confidential
clients keep their refresh token and that SQLite commits are on disk before they are answered, as in what it is
compared with. Environment: PEER_DATABASE (file), PEER_ISSUER (address), PEER_KEY (file with a private RSA key, PEM).
"""

import os
from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

settings.configure(
    SECRET_KEY="a bench on loopback keeps no secrets",
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["PEER_DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
            },
        }
    },
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": Path(os.environ["PEER_KEY"]).read_text(),
        "OIDC_ISS_ENDPOINT": os.environ["PEER_ISSUER"],
        "OAUTH2_VALIDATOR_CLASS": "validator.AgeValidator",
        "PKCE_REQUIRED": True,
        "ROTATE_REFRESH_TOKEN": False,
        "SCOPES": {"openid": "Sign in", "age": "Age band", "introspection": "Introspection"},
        "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
        "ID_TOKEN_EXPIRE_SECONDS": 300,
    },
)
django.setup()

urlpatterns = [path("", include("oauth2_provider.urls"))]
application = get_wsgi_application()

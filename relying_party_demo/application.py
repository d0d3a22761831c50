"""The app: a cinema's programme behind an age gate."""

from typing import Any

from authlib.integrations.flask_client import OAuth
from flask import Flask, abort, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from relying_party_demo.age_gate import Area, current_area, films_in, find_film, person
from relying_party_demo.configuration import Configuration
from relying_party_demo.issuer import register_issuer
from relying_party_demo.languages import WORDS, language, locale
from relying_party_demo.messages import Page, message
from relying_party_demo.night_programme import night_programme
from relying_party_demo.sign_in import SESSION_LIFETIME, VEILED, Refused, form_targets, sign_in_pages


def create_application(configuration: Configuration) -> Flask:
    """The WSGI application of one configuration."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=configuration.session_key,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=configuration.base_url.startswith("https://"),
        PERMANENT_SESSION_LIFETIME=SESSION_LIFETIME,
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    oauth = OAuth(app)
    clients = [register_issuer(oauth, configuration)]
    if configuration.veiled is not None:
        clients.append(register_issuer(oauth, configuration.veiled, VEILED))
    app.register_blueprint(sign_in_pages(clients, configuration))
    _add_programme(app)
    if configuration.spent_tokens is not None:
        app.register_blueprint(night_programme(configuration, configuration.spent_tokens))
    _add_messages(app)
    _add_headers(app, configuration)

    @app.context_processor
    def shown_everywhere() -> dict[str, Any]:
        return {
            "words": WORDS[language()],
            "language": language(),
            "locale": locale(),
            "app_name": configuration.name,
            "veiled": configuration.veiled is not None,
        }

    return app


def _add_programme(app: Flask) -> None:
    @app.get("/")
    def programme() -> str:
        area = current_area()
        return render_template("programme.html", area=area, films=films_in(area), person=person())

    @app.get("/films/<slug>")
    def film(slug: str) -> Page:
        found = find_film(slug)
        if found is None:
            abort(404)
        area = current_area()
        if area not in found.areas:
            word = "gated_anonymous" if area is Area.ANONYMOUS else "gated_signed_in"
            return message("gated_title", word, 403)
        return render_template("film.html", film=found, person=person())


def _add_messages(app: Flask) -> None:
    @app.errorhandler(Refused)
    def refused(error: Refused) -> Page:
        return message("refused_title", error.word, error.status)

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Page:
        status = error.code or 500
        word = "missing" if status in (404, 405) else "failed"
        return message(f"{word}_title", word, status)


def _add_headers(app: Flask, configuration: Configuration) -> None:
    policy = "; ".join(
        [
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self'",
            f"form-action {form_targets(configuration)}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        # Not no-referrer: with that a browser sends `Origin: null` from our own forms.
        response.headers["Referrer-Policy"] = "same-origin"
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
            response.vary.update(("Accept-Language", "Cookie"))
        return response

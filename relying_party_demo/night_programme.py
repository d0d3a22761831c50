"""`/night`: the programme for adults, for programs and devices that show an age token instead of signing in."""

from pathlib import Path

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from relying_party_demo.age_gate import Area, films_in
from relying_party_demo.configuration import Configuration, server_name_of
from relying_party_demo.languages import WORDS, language
from relying_party_demo.private_token_gate import PrivateTokenGate
from relying_party_demo.spent_tokens import SpentTokens

PATH = "/night"


def night_programme(configuration: Configuration, spent_tokens: Path) -> Blueprint:
    """One film list for each token. 401 asks for a token, 503 says that no key could be had yet."""
    gate = PrivateTokenGate(
        configuration.server_issuer_url,
        server_name_of(configuration.issuer),
        server_name_of(configuration.base_url),
        SpentTokens(spent_tokens).spend,
    )
    pages = Blueprint("night_programme", __name__)

    @pages.get(PATH)
    def night() -> Response:
        words, spoken = WORDS[language()], language()
        if gate.admits(request.headers.get("Authorization")):
            films = [{"title": film.title[spoken], "plot": film.plot[spoken]} for film in films_in(Area.ADULT)]
            return jsonify({"programme": films})
        asking = gate.www_authenticate()
        if asking is None:
            return _refused(503, words["unreachable"], "Retry-After", "60")
        return _refused(401, words["night_gated"], "WWW-Authenticate", asking)

    return pages


def _refused(status: int, text: str, name: str, value: str) -> Response:
    answer: Response = jsonify({"message": text})
    answer.status_code, answer.headers[name] = status, value
    return answer

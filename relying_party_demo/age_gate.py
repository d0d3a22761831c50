"""The age gate: what is on, for whom, and what the session says of the person in front of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import session


class Area(StrEnum):
    """Which of the three areas a person is in."""

    ANONYMOUS = "anonymous"
    MINOR = "minor"
    ADULT = "adult"


@dataclass(frozen=True, slots=True)
class Film:
    """A film and the areas it is shown in; `title` and `plot` by language."""

    slug: str
    areas: frozenset[Area]
    title: dict[str, str]
    plot: dict[str, str]


_EVERYBODY = frozenset(Area)
_SIGNED_IN = frozenset({Area.MINOR, Area.ADULT})
_ADULTS = frozenset({Area.ADULT})

PROGRAMME = (
    Film(
        "paper-boat",
        _EVERYBODY,
        {"en": "The Paper Boat", "zh": "纸船"},
        {"en": "A boat folded from a letter finds its way to the sea.", "zh": "一只用信纸折成的小船，一路漂向大海。"},
    ),
    Film(
        "a-year-of-birds",
        _EVERYBODY,
        {"en": "A Year of Birds", "zh": "候鸟的一年"},
        {"en": "Twelve months at the edge of a lake, without a word.", "zh": "湖边的十二个月，没有一句台词。"},
    ),
    Film(
        "observatory-club",
        _SIGNED_IN,
        {"en": "The Observatory Club", "zh": "天文台俱乐部"},
        {"en": "Four school friends hear something answer.", "zh": "四个同学收到了来自夜空的回音。"},
    ),
    Film(
        "summer-of-kites",
        _SIGNED_IN,
        {"en": "Summer of Kites", "zh": "风筝之夏"},
        {"en": "One roof, one holiday, one impossible kite.", "zh": "一片屋顶、一个暑假、一只放不起来的风筝。"},
    ),
    Film(
        "night-train",
        _ADULTS,
        {"en": "Night Train", "zh": "夜行列车"},
        {"en": "Nobody on board is who the ticket says.", "zh": "车上没有一个人与车票上的名字相符。"},
    ),
    Film(
        "the-last-distiller",
        _ADULTS,
        {"en": "The Last Distiller", "zh": "最后的酿酒师"},
        {"en": "He has one barrel left, and two sons.", "zh": "他只剩一桶酒，却有两个儿子。"},
    ),
)


def person() -> dict[str, Any] | None:
    """All this app knows of the person: `sub` and `age_band`; None for somebody who is not signed in."""
    if "sub" not in session or "age_band" not in session:
        return None
    return {"sub": session["sub"], "age_band": session["age_band"]}


def current_area() -> Area:
    """The area of this request; anything but the two bands is anonymous."""
    known = person()
    return Area(known["age_band"]) if known is not None else Area.ANONYMOUS


def films_in(area: Area) -> list[Film]:
    """What is on in an area. What is not for a person is not listed either."""
    return [film for film in PROGRAMME if area in film.areas]


def find_film(slug: str) -> Film | None:
    """A film by its address."""
    return next((film for film in PROGRAMME if film.slug == slug), None)

"""Names of apps: which may be registered, and which pass for one another on a consent page (threats A21; UTS 39).

Every name is refused that a person could not read aloud and type again: invisible characters, letters that only look
like letters, scripts mixed as no language mixes them. What remains may still look like another name; `skeletons`
says so, in the manner of UTS 39, section 4, with a table of our own for the scripts that are let in.
"""

import re
import unicodedata

from idp.domain.errors import Refused

MAX_LENGTH = 100
MAX_MARKS = 2
"""Marks on one letter. Thai and Vietnamese need two; more are there to smear over the lines around them."""

# Scripts as they begin the Unicode names of their letters: no other source is in the standard library. Those that
# UTS 31 (tables 4 and 7) calls excluded or limited in use stay out, since nobody could tell their letters from Latin
# ones; Yi, Mongolian and Tibetan are in, because they are official scripts within China.
_SCRIPTS = frozenset(
    "ARABIC ARMENIAN BENGALI BOPOMOFO CJK CYRILLIC DEVANAGARI ETHIOPIC GEORGIAN GREEK GUJARATI GURMUKHI HANGUL HEBREW "
    "HIRAGANA IDEOGRAPHIC KANNADA KATAKANA KATAKANA-HIRAGANA KHMER LAO LATIN MALAYALAM MONGOLIAN MYANMAR ORIYA SINHALA "
    "TAMIL TELUGU THAANA THAI TIBETAN YI".split()
)
# Scripts that are written beside one another in honest names (UTS 39, section 5.2, "highly restrictive").
_TOGETHER = (
    frozenset({"LATIN", "CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}),
    frozenset({"LATIN", "CJK", "IDEOGRAPHIC", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "IDEOGRAPHIC", "HANGUL"}),
)
# Latin letters of living spellings: up to Latin Extended-A, Vietnamese, Pinyin, Romanian. Beyond lie phonetic and
# click letters and small capitals, which exist to look like the others.
_LATIN = re.compile(r"[A-Za-z\u00aa-\u017f\u01a0\u01a1\u01af\u01b0\u01cd-\u01dc\u0218-\u021b\u1e00-\u1eff]")
# Blank without being spaces, or with no shape of their own (Default_Ignorable_Code_Point outside category C).
_BLANK = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Marks that strike letters through, span several or enclose them.
_OVERLAID = re.compile(r"[\u0334-\u0338\u035c-\u0362\u0488\u0489\u20d0-\u20ff]")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
# Punctuation of East Asian width, and the ellipsis, are the usual form of what NFKC makes of them.
_WIDE = re.compile(r"[\uff01-\uff65\u2026]")
_SPACES = re.compile(r"^ | $|  ")
_DOT = r"[.\uff0e\uff61\u3002]"
_DOMAIN = re.compile(rf"(?:[^\W_](?:[\w-]*[^\W_])?{_DOT})+[^\W\d_]{{2,}}")

# Look-alikes of Latin letters, capitals and small letters apart: a Cyrillic capital can resemble one Latin letter while
# its small form resembles none. Then signs that stand for letters, and kana that resemble kanji.
_LOOKS_LIKE = str.maketrans(
    dict(zip("АВЕКМНОРСТХУІЈЅԚԜҮЗҺԀӀ", "ABEKMHOPCTXYIJSQWY3hdl", strict=True))
    | dict(zip("аеорсхуіјѕԛԝүзһԁӏѵ", "aeopcxyijsqwy3hdlv", strict=True))
    | dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True))
    | dict(zip("αγινορσυ", "ayivopou", strict=True))
    | dict(zip("ՕՏՍԼհոսօց", "OSULhnuog", strict=True))
    | dict(zip("ıłøđħ", "ilodh", strict=True))
    | dict(zip("015|!@$€£", "olsllasel", strict=True))
    | dict(zip("カロニエタトハーリへべぺ", "力口二工夕卜八一りヘベペ", strict=True))
)
# Stands for any mark while marks are counted.
_MARK = "\ufffc"
_CAPITAL_I = str.maketrans("I", "l")
_STROKES = str.maketrans("1!|", "iii")
_PAIRS = (("rn", "m"), ("vv", "w"))


def check_client_name(name: str) -> None:
    """Refuse (`invalid_client_metadata`) a name that hides something or borrows letters; see the head of this file."""
    if not 1 <= len(name) <= MAX_LENGTH:
        raise _refused("a name has 1 to 100 characters")
    if _SPACES.search(name) or any(is_invisible(character) for character in name):
        raise _refused("a name has no invisible characters, and spaces only between words")
    if unicodedata.normalize("NFC", name) != name:
        raise _refused("a name is written in Unicode's composed form, NFC")
    if not all(_plain(character) for character in name):
        raise _refused("a name has letters, digits and punctuation, each in its usual form")
    if re.search(rf"(?:^|[^\w{_MARK}]){_MARK}|{_MARK}{{{MAX_MARKS + 1}}}", _marks_as_one(name)):
        raise _refused("a name has marks on letters only, and few of them")
    if not any(character.isalnum() for character in name):
        raise _refused("a name has at least one letter or digit")
    if mixes_scripts(name):
        raise _refused("a name is written in one script, or in scripts that belong together")
    if _passes_for_latin(name):
        raise _refused("a name of letters that could all be Latin ones is written in Latin")


def skeletons(name: str) -> frozenset[str]:
    """What a name looks like: two names pass for one another when these have something in common (UTS 39, section 4).

    Several, because letters resemble others as they are written, a capital I besides a small L and a 1 either, and
    because a name stays the same in other case. Spaces, punctuation and accents do not count.
    """
    # Decomposed first: an accented letter resembles what the letter beneath it resembles.
    bare = _without_accents(name)
    spellings = (bare, bare.translate(_CAPITAL_I), bare.casefold(), bare.casefold().translate(_STROKES))
    return frozenset(_folded(spelling.translate(_LOOKS_LIKE)) for spelling in spellings)


def domains_in(name: str) -> frozenset[str]:
    """What in a name reads like a domain: only the app's own may stand there (threats A21)."""
    return frozenset(found.casefold() for found in _DOMAIN.findall(name))


def is_invisible(character: str) -> bool:
    """Whether a character shows nothing, or moves what stands beside it: controls, bidi and zero-width marks."""
    category = unicodedata.category(character)
    return category[0] == "C" or (category[0] == "Z" and character != " ") or bool(_BLANK.match(character))


def mixes_scripts(name: str) -> bool:
    """Whether letters of scripts stand together that no language writes together (UTS 39, section 5.2)."""
    scripts = {_script(c) for c in name if unicodedata.category(c)[0] == "L" or (c.isdigit() and not c.isascii())}
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def _marks_as_one(name: str) -> str:
    return "".join(_MARK if unicodedata.category(character)[0] == "M" else character for character in name)


def _plain(character: str) -> bool:
    """Whether a character is a letter of a script in use, or a sign that is no letter in disguise."""
    if character.isascii():
        return True
    category = unicodedata.category(character)
    if unicodedata.normalize("NFKC", character) != character:
        return category[0] == "P" and bool(_WIDE.match(character))
    if category[0] == "L":
        script = _script(character)
        return bool(_LATIN.match(character)) if script == "LATIN" else script in _SCRIPTS
    if category[0] == "M":
        return not _OVERLAID.match(character)
    return category[0] == "P" or category in ("Nd", "Sc")


def _passes_for_latin(name: str) -> bool:
    foreign = "".join(c for c in name if unicodedata.category(c)[0] == "L" and _script(c) != "LATIN")
    return bool(foreign) and _without_accents(foreign).translate(_LOOKS_LIKE).isascii()


def _script(character: str) -> str:
    script = unicodedata.name(character, "UNKNOWN").split(" ")[0]
    # Digits of the Arabic script have names of their own.
    return "ARABIC" if script in ("ARABIC-INDIC", "EXTENDED") else script


def _without_accents(name: str) -> str:
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", name))


def _folded(text: str) -> str:
    folded = "".join(c for c in text.casefold() if unicodedata.category(c)[0] in "LMN")
    for pair, single in _PAIRS:
        folded = folded.replace(pair, single)
    # Nothing but punctuation is refused as a name; here it stays itself, so that no two of it are alike.
    return folded or text


def _refused(text: str) -> Refused:
    return Refused("invalid_client_metadata", text)

"""Names of apps (threats A21): honest ones pass, hostile ones are refused, look-alikes are known for what they are."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.client_name import check_client_name, domains_in, is_invisible, skeletons
from idp.domain.errors import Refused
from idp.web.app_card import shown_name

HONEST = [
    "Sunny Garden", "Tom & Jerry's (2nd)", "C++ School", "Café Zürich", "Çocuk Şarkıları", "Nguyễn Văn Trỗi", "Łódź",
    "İstanbul Metro", "12306", "微信", "支付宝（测试）", "微信Pay", "B站", "国家图书馆 · 少儿", "臺灣大哥大",
    "ㄅㄆㄇ 注音",
    "カラオケ 々 ABC", "ありがとう", "スーパー", "한국어 App", "Яндекс", "вконтакте", "Ελλάδα", "Հայաստան", "ქართული",
    "ไทยพาณิชย์", "हिन्दी ऐप", "தமிழ்", "বাংলা", "عربي ١٢", "שלום", "ᠮᠣᠩᠭᠣᠯ", "བོད་ཡིག", "ꆈꌠꁱꂷ", "Ọ̀yọ́ News",
    "naïve – app",
    "“Quoted”", "100% Fun!", "a", "x" * 100,
]  # fmt: skip

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u034f\u180e"
BLANKS = "\u115f\u1160\u3164\uffa0\ufe0f\u17b4"
SPACES = "\u00a0\u1680\u2000\u2003\u2007\u2009\u202f\u205f\u3000\u2800\u2028\u2029"
CONTROLS = "\x00\x07\x08\t\n\r\x1b\x7f\x85\x9f\ue000\ufff9\U000e0041\U000f0000"
HIDING = [f"Lantern{c}Cinema" for c in (*BIDI, *ZERO_WIDTH, *BLANKS, *SPACES, *CONTROLS)]
MIXED = [
    "P\u0430yPal", "Pa\u0443Pal", "G\u03bfogle", "\u0405team", "Ap\u0440le", "Micr\u043es\u043eft", "\u13aapple",
    "Goo\u0261le",
    "\u0391mazon", "Net\uff46lix", "f\u0430cebook", "Tik\u0422ok", "W\u0435Chat", "we\u0441hat", "\u0410libaba",
    "T\u0435n\u0441ent",
    "Lantern \u0421inema", "\u041bantern Cinema", "Lantern \u30ad\u0430", "微信\u0430", "한\u30ab국 \u0410",
    "Bank \u0662\u0660", "Bank\u09ea", "Pay\u0581al", "\u0578ameless app",
]  # fmt: skip
LETTERS_THAT_ARE_NONE = [
    "\U0001d40f\U0001d41a\U0001d432", "\uff30\uff41\uff59", "\u1d18\u1d00\u028f", "\u24c5\u24d0\u24e8",
    "\U0001f17f\U0001f170\U0001f188",
    "Pay\u2074", "\u2167 Games", "\ufb01lm", "\u212bpple", "\u2122rade", "Pay \u2713", "Verified \u2705",
    "\U0001f512 Bank", "Bank\u00ae",
    "\u01c0antern", "Lanter\u0274", "\u13a2nternet", "\ua4d0\ua4ef\ua4e2", "\U00010330\U00010331", "Pay\u2024com",
    "\u2571\u2571",
]  # fmt: skip
SMEARED = [
    "Z\u0300\u0301\u0302algo", "L\u0336antern", "\u0301Cafe\u0301".replace("e\u0301", "é"), "A\u20ddB", "a \u0307b",
    "Cafe\u0301",
    "\u0488",
]  # fmt: skip
ALL_LATIN_LOOKING = [
    "\u0430\u0440\u0440", "\u0420\u0430\u0443", "\u0441\u043e\u0441\u043e", "\u0410\u0440\u0440\u04cf\u0435",
    "\u0392\u0391\u039d\u039a", "\u0391\u0392\u0392", "\u0555\u054d\u054d",
]  # fmt: skip
EMPTY = ["", " ", "  ", "...", "!!!", " Lantern", "Lantern ", "Lantern  Cinema", "x" * 101, "（）", "\u2026"]
HOSTILE = [*HIDING, *MIXED, *LETTERS_THAT_ARE_NONE, *SMEARED, *ALL_LATIN_LOOKING, *EMPTY]


@pytest.mark.parametrize("name", HONEST)
def test_honest_names_in_many_scripts_are_taken_and_shown_as_they_are(name: str) -> None:
    check_client_name(name)
    assert shown_name(name) == name


def test_the_hostile_names_are_a_hundred_and_more() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 100


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_client_name(name)
    assert refused.value.reason == "invalid_client_metadata"
    assert str(refused.value).isascii(), "the text goes into an error description"


@pytest.mark.parametrize("name", [*HIDING, *MIXED], ids=ascii)
def test_what_was_registered_in_spite_of_it_is_shown_for_what_it_is(name: str) -> None:
    """The second line: nothing invisible and no borrowed letter reaches the page."""
    shown = shown_name(name)
    assert not any(is_invisible(character) for character in shown)
    if name in MIXED and unicodedata.normalize("NFKC", name) == name and "\u0261" not in name:
        assert "\\u{" in shown


LOOK_ALIKES = [
    ("PayPal", "PayPaI"), ("PayPal", "PAYPAL"), ("PayPal", "paypa1"), ("PayPal", "Pay Pal"), ("PayPal", "Pay-Pal."),
    ("PayPal", "P\u00e1yPal"), ("PayPal", "\u0420\u0430\u0443\u0420\u0430l"), ("PayPal", "P@yPal"),
    ("Instagram", "lnstagram"),
    ("Instagram", "1nstagram"), ("Instagram", "instagram"), ("Google", "G00gle"), ("Google", "g\u043e\u043egl\u0435"),
    ("modern", "modem"), ("Twitter", "Tvvitter"), ("ВКонтакте", "BKонтакте"), ("\u0391\u0392\u0393", "AB\u0393"),
    ("カフェ", "力フェ"), ("ニコニコ", "二コ二コ"), ("ロ", "口"), ("Bank", "\uff22\uff41\uff4e\uff4b"),
    ("支付宝", "支付宝。"),
    ("Straße", "Strasse"), ("Smile", "5mile"), ("Cinema", "C1nema"), ("Cinema", "C!nema"), ("Łódź", "Lodz"),
]  # fmt: skip
DIFFERENT = [
    ("Mali", "Mall"), ("Lantern", "Pattern"), ("Apple", "Maple"), ("微信", "微博"), ("हिन्दी", "हन्द"), ("ガ", "カ"),
    ("ไทยพาณิชย์", "ไทยพาณชย"), ("Яндекс", "Янтарь"), ("C++", "C School"), ("", "!"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_look_alikes_have_a_skeleton_in_common(one: str, other: str) -> None:
    assert skeletons(one) & skeletons(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_names_have_none(one: str, other: str) -> None:
    assert not skeletons(one) & skeletons(other)


@pytest.mark.parametrize(
    ("name", "domains"),
    [
        ("Sign in at Bank.Example now", {"bank.example"}), ("a.b.example", {"a.b.example"}), ("Dr. Who", set()),
        ("version 2.0", set()), ("127.0.0.1", set()), ("微信.中国", {"微信.中国"}),
        ("bank\uff0eexample", {"bank\uff0eexample"}),
        ("bank。example", {"bank。example"}), ("...", set()), ("plain", set()), ("x.y", set()), ("x-.ab", set()),
    ],
)  # fmt: skip
def test_what_reads_like_a_domain_is_found(name: str, domains: set[str]) -> None:
    assert domains_in(name) == domains


@given(st.text(max_size=120))
def test_any_text_is_judged_without_a_fault(name: str) -> None:
    """Whatever a stranger sends is taken or refused; what is taken shows nothing that cannot be seen."""
    try:
        check_client_name(name)
    except Refused:
        return
    assert not any(is_invisible(character) for character in name)
    assert shown_name(name) == name
    assert skeletons(name) and domains_in(name) is not None


@given(st.sampled_from(HONEST), st.sampled_from([*BIDI, *ZERO_WIDTH, *BLANKS, *CONTROLS]), st.integers(0, 100))
def test_one_hidden_character_anywhere_refuses_a_name(name: str, character: str, place: int) -> None:
    with pytest.raises(Refused):
        check_client_name(name[:place] + character + name[place:])


@given(st.sampled_from(HONEST))
def test_a_name_looks_like_itself_in_other_case(name: str) -> None:
    assert skeletons(name) & skeletons(name.upper()) and skeletons(name) & skeletons(name.lower())

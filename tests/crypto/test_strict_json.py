"""JSON with one meaning (RFC 8259, RFC 7493)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import EncodingError
from crypto.strict_json import INTEGER_MAX, MAX_DEPTH, parse_json_strict
from tests.crypto.cheap import CHEAP

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-INTEGER_MAX, max_value=INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@CHEAP
@given(DOCUMENTS, st.booleans())
def test_json_means_what_it_means_elsewhere(document: Any, escaped: bool) -> None:
    text = json.dumps(document, ensure_ascii=escaped)
    assert parse_json_strict(text) == document
    assert parse_json_strict(text.encode()) == document


@CHEAP
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0d8e19.-tf ', max_size=60))
def test_any_input_is_a_value_or_an_encoding_error(data: bytes | str) -> None:
    try:
        parse_json_strict(data)
    except EncodingError:
        return


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '[{"b":{"a":1,"\\u0061":2}}]',
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1e999",
        "-1e999",
        "9007199254740992",
        "-9007199254740992",
        "1" * 5000,
        '"\\ud800"',
        '{"\\udc00":1}',
        '["\\ud800\\u0041"]',
        "",
        " ",
        "{}x",
        "{} {}",
        "{'a':1}",
        '{"a":1,}',
        "[1,]",
        "01",
        "+1",
        ".5",
        "tru",
        '"a\nb"',
        '"\\x41"',
        "// c\n1",
        "\ufeff{}",
    ],
)
def test_ambiguous_or_malformed_json_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        parse_json_strict(text)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-32"),
    ],
)
def test_json_bytes_are_utf8_without_a_mark(data: bytes) -> None:
    with pytest.raises(EncodingError):
        parse_json_strict(data)


def test_a_lone_surrogate_in_text_is_refused() -> None:
    with pytest.raises(EncodingError):
        parse_json_strict('"\ud800"')


def test_a_surrogate_pair_is_one_character() -> None:
    assert parse_json_strict('"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"[":', "}]")])
def test_nesting_ends_at_the_limit(opening: str, closing: str) -> None:
    # Each repetition of the last form nests twice.
    levels = MAX_DEPTH // (2 if opening.startswith("[{") else 1)
    parse_json_strict(opening * levels + "1" + closing * levels)
    for deeper in (levels + 1, 100_000):
        with pytest.raises(EncodingError):
            parse_json_strict(opening * deeper + "1" + closing * deeper)
        with pytest.raises(EncodingError):
            parse_json_strict(opening * deeper)


def test_brackets_in_strings_and_side_by_side_do_not_nest() -> None:
    document = ["[{" * 100, '"\\[' * 50, [[]] * 100, {"}" * 40: "]"}]
    assert parse_json_strict(json.dumps(document), max_depth=3) == document
    with pytest.raises(EncodingError):
        parse_json_strict(json.dumps(document), max_depth=2)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ['"' + '\\"' * 200_000 + "[" * 40, "[" * 40 + '"\\' * 200_000, '{"a' * 200_000])
def test_refusing_takes_time_in_proportion_to_length(text: str) -> None:
    with pytest.raises(EncodingError):
        parse_json_strict(text)


def test_an_error_does_not_carry_the_document() -> None:
    with pytest.raises(EncodingError) as caught:
        parse_json_strict('{"password": "correct horse" oops}')
    assert "horse" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__

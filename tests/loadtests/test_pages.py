"""Load is only real if people fill in the forms that the pages really have."""

import pytest

from loadtests.pages import Form, NoForm, form_with

ADDRESS = "http://127.0.0.1:9000/sign-in?request=x"
PAGE = """
<form method="get" action="/search"><input name="username"></form>
<form method="post" action="/language"><input type="hidden" name="csrf" value="no"><button name="language"></form>
<form method="post" action="/sign-in">
  <input type="hidden" name="csrf" value="a&amp;b"><input type="hidden" name="request" value="sealed">
  <input name="username"><input type="password" name="password"><button name="go" value="1">Go</button>
</form>
<input type="hidden" name="outside" value="x">
"""


def test_the_form_with_the_field_is_found_with_its_hidden_fields() -> None:
    assert form_with(PAGE, "password", ADDRESS) == Form(
        "http://127.0.0.1:9000/sign-in", {"csrf": "a&b", "request": "sealed"}
    )


def test_a_form_that_does_not_post_is_no_form_to_sign_in_with() -> None:
    with pytest.raises(NoForm):
        form_with('<form method="get"><input name="username"></form>', "username", ADDRESS)


def test_a_form_without_action_posts_to_its_own_page() -> None:
    assert form_with('<form method="post"><input name="a">', "a", ADDRESS).action == ADDRESS


def test_a_button_counts_as_a_field() -> None:
    form = form_with('<form method=post action=/consent><button name="decision" value="allow">', "decision", ADDRESS)
    assert form == Form("http://127.0.0.1:9000/consent", {})

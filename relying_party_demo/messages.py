"""The one page that says something in a sentence: why not, what now."""

from flask import render_template

from relying_party_demo.age_gate import person

Page = str | tuple[str, int]


def message(title: str, word: str, status: int) -> Page:
    """A page of `languages` texts, with the button to sign in for those who are not."""
    return render_template("message.html", title=title, word=word, person=person()), status

"""Settings of the property tests here: few examples, no clock, nothing written to disk."""

from hypothesis import settings

CHEAP = settings(max_examples=60, deadline=None, database=None)

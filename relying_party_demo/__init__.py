"""A small app that signs people in with Blindage."""

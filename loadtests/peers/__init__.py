"""Servers of other people, run beside ours: packages from the registries, start-up code ours."""

"""Servers of other people that the benchmark runs beside ours: their packages from the registries, start-up code ours."""

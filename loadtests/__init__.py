"""Load scenarios and benchmarks that drive a running Blindage from outside."""

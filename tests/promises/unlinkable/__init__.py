"""Veiled sign-in as somebody sees it who holds the records of both halves (what each party can learn)."""

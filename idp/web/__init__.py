"""HTTP: `machine` answers programs without a framework, `pages` answers people with Flask; shared pieces lie here."""

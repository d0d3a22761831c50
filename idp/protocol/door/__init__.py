"""The door: an age token in, a code out. The same protocol as the account issuer, with another interaction."""

"""Endpoints that programs call: plain WSGI over the framework-free protocol, one path table, no Flask."""

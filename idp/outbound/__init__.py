"""Requests that leave this machine: one guarded fetcher for everything an app may have us fetch or tell it."""

"""Bringing a contribution to a branch: planned by `plan`, carried out by `loop`."""

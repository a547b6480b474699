"""`history.py`, one module a subcommand."""

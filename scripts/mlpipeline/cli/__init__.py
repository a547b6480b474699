"""The command line: one module a door, and `door`, the one boundary they all pass through."""

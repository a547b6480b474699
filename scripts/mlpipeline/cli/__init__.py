"""The command line: one module a command, and `entry`, the one boundary they all pass through."""

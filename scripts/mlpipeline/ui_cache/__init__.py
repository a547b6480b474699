"""The extra that shows a history in MLflow's UI: a SQLite cache of the files, and the server that reads it.

Reads the history, writes the cache; starts MLflow, never imports it.
"""

"""Reading an MLflow database in SQLite by the standard library alone."""

"""MLflow experiment history that lives in a Git repository."""

"""Plugin that lets a stock MLflow open a history from anywhere, without a flag; only MLflow itself imports it."""

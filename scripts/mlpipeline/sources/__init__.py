"""Where a job's runs are read: file stores, SQLite databases, tracking servers."""

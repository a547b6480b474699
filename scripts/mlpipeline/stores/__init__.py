"""Where runs are read from: a job's file store, and the history itself."""

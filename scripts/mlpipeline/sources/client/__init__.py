"""Reading a tracking server, or a database as MLflow itself reads it, through MLflow's client."""

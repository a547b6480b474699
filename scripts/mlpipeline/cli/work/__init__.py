"""What the commands do: modules that need packages, and are imported when their command runs."""

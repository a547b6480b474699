"""What a history of runs is, and how it changes; pure but for `folder`, which reads files."""

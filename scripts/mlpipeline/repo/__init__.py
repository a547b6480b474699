"""Git and its network; the only folder that runs git, through GitPython."""

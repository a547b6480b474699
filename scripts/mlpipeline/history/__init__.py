"""Say what a history of runs is, and how it changes. Writes nothing.

Pure, but that `folder` reads a history on disk, and content may be a file on disk, which is sized, hashed or read.
"""

"""What people read: text, Markdown, and GitHub's own files and annotations."""

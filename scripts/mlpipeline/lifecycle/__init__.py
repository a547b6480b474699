"""The promoted model's life; pure."""

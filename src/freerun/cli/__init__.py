"""Command line: one module a command, what they share, and what the terminal shows."""

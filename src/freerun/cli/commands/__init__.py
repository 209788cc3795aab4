"""Commands, one module each, with `main(words) -> exit code`."""

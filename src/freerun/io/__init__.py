"""Bytes in and out: bounded reading, whole writing, one-line text."""

"""Tidy tables of the measurements."""

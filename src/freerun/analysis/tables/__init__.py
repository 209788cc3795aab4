"""Tidy tables of what was measured."""

"""Yardsticks: numbers that follow exactly, or that others published, reached by the real engine."""

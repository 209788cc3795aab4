"""Tests of the laws that every part of a kind owes; `broken` holds parts with one fault each that they must catch."""

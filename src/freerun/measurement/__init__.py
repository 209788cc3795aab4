"""Measurement of a trained model, forced and free."""

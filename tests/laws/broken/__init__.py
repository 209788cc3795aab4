"""Parts with exactly one fault each: a law that lets its own one pass proves nothing."""

"""Laws that a part owes, stated once for its kind, and the check that holds a part to them."""

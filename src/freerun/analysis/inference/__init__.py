"""How sure are we? The seed is the unit of replication: windows and steps are not."""

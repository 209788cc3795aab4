"""Statistical inference over seeds, the unit of replication: windows and steps are not replicates."""

"""Stand-in for the mmetering app: the same tables and columns, nothing else."""

"""One home for each outside system; each SDK is imported in its own home and nowhere else."""

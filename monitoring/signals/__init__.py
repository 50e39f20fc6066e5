"""From signals to metrics, and nothing else."""

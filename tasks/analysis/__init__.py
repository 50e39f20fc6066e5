"""Analysis of a transcript, which produces a report for a human reviewer."""

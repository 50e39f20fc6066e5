"""From a transcript to a report for a human reviewer."""

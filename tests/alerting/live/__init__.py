"""Real faults, and who hears of them."""

"""How much is needed for a load, reckoned from measured costs."""

"""How good the detector and the baselines are: simulated quarters with known truth, and real data."""

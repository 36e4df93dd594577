"""Whether a laboratory's data are plausible beside those of its peers: a reason to audit, never an accusation."""

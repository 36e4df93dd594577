"""Where to sample next: a proposal for a budget, and a draw of targets and inspectors that can be audited."""

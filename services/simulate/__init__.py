"""A synthetic city year: events that obey the contracts, and the truth that the services must arrive at."""

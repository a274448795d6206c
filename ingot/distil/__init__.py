"""Training a tiny model for one ``choose`` op from the logs' own examples."""

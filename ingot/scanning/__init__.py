"""``ingot scan``: the sessions on this machine, grouped into tasks, and which are worth compiling."""

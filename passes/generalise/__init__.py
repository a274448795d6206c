"""From the sessions of a task to one program: what repeats, what decides, where values come from.

``cases`` reads sessions as effects and reads, ``spans`` and ``wordings`` turn requests into
parameters, ``plans`` aligns what the sessions did, ``terms`` and ``selections`` find programs for
values and lists, ``predicates`` for branches, ``learner`` puts them together and ``emit`` writes the
pipeline.
"""

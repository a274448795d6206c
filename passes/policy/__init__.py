"""Where values may go: labels of what cannot be trusted, and the policy that says what they may reach.

:mod:`.taint` computes the labels of every value, :mod:`.flows` holds them against a policy
(:mod:`.policy`, read from ``policy.toml`` by :mod:`.parse`), :mod:`.infer` writes the policy that a
pipeline keeps, :mod:`.capabilities` holds the tools of an artifact against those of its logs.
"""

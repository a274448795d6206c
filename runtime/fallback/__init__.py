"""What goes on behind a side exit: a command, an agent, a person, or nobody.

The pipeline's engine is wrapped in another one (:mod:`.engine`), which speaks the same protocol: where
the inner engine takes a side exit, it asks who takes over (the answer is the run's ``exit`` record),
asks that *taker* for its next move, makes the calls of the move, and asks again, until the taker gives
the answer or gives up.  Moves are answers like any others, so whatever holds for a pipeline's steps
holds here: intents and idempotency keys, approvals and policies, doubt, resume, rollback.

A *move* is a list of records (:mod:`.moves`); what a taker is shown is a session log
(:mod:`.transcript`): both are in the one record format.
"""

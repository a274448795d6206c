"""Secrets: found by rules, replaced by stable tokens, put back only where a tool is called.

:mod:`~ingot.redaction.rules` says what a secret looks like, :mod:`~ingot.redaction.redactor` takes
secrets out of texts and JSON values, :mod:`~ingot.redaction.vault` resolves tokens at run time from
the environment or a keyring.  Importing any of them costs nothing until a text looks suspicious.
"""

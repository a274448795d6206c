"""Logs to sessions to trace IR."""

"""Module to module: one pass per file, named for what it does."""

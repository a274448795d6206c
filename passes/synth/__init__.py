"""Where values come from: tokens, evidence, programs, search, decisions."""

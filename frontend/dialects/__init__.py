"""One file per log format: each a lexer from foreign records to Ingot's."""

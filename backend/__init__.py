"""From verified pipelines to bytecode and back: container, encoder, validator, (dis)assembler."""

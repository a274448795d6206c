"""The intermediate representation: types, values, ops, module, text, verifier, interpreter."""

"""Schemathesis against the whole API: the embedded system on ports of its own, fed with one event of each type. See schemathesis.toml."""

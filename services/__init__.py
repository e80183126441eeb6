"""The four services. None imports another: they meet in topics and, for commands, over HTTP."""

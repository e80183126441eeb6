"""HTTP in: each route calls one use case."""

"""Churn models made offline. Serving imports nothing of this: what passes between them is a file."""

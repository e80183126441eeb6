"""Customer: alone owns who the customers are and every fact reported about them.

It takes in what billing, network, care and orders report, deduplicates it, resolves whom it is about, keeps the facts and
their monthly rollups, and publishes one clean stream, `activity`.
"""

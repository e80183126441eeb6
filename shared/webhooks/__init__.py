"""Posting to addresses that others name: signed, tried again for days, and never into our own network."""

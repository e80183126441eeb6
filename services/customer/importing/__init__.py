"""Bulk import: files of customers and of their history, taken in as the events that they stand for."""

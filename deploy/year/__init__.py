"""A simulated year of retention: with the campaign against without it, and whom to contact by risk alone against by sensitivity to a contact."""

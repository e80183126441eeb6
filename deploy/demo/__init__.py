"""A simulated operator: people with hidden reasons to leave, the systems that report about them, and a desk that calls them."""

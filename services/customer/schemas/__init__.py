"""HTTP bodies of the customer service."""

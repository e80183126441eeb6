"""Every statement of the customer service."""

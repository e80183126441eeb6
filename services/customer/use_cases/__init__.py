"""What the customer service can do: one function, one transaction's worth."""

"""What the retention service can do: one function, one transaction's worth."""

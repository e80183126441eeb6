"""What segmentation can do: one function, one transaction's worth."""

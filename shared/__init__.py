"""What two services use and what knows no business word."""

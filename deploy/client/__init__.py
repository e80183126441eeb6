"""A typed Python client, generated from the API's document."""

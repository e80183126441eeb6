"""Examples of good answers, for the API's document: the best of what tests were answered."""

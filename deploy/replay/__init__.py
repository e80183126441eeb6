"""A real data set as events through the whole system, and the proof that what came out is what the file says."""

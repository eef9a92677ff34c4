"""Models that answer: over HTTP, for whole datasets, and with reasons; what they said is kept in the prediction log."""

"""Executors: where the work on chunks runs."""

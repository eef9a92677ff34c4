"""Mergeable summaries per chunk, their cache, and the report of one dataset."""

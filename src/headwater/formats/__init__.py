"""Outside formats to and from Arrow."""

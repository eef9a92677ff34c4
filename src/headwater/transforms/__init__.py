"""Transforms: change data with a record of what was done. Each file registers transforms of one idea."""

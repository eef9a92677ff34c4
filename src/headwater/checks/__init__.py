"""Checks: measure and judge. Each file registers the checks of one idea."""

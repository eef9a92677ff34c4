"""Repositories: transactions, diffs, merges, imports, histories, remotes, proposals, garbage collection."""

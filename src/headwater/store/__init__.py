"""Objects, chunks, manifests, commits, refs, transactions, diff, merge, gc: datasets under version control."""

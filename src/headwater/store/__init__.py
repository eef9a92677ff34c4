"""What is kept: storage, objects, chunks, row indexes, manifests, commits and refs."""

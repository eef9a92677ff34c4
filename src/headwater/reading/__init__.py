"""A dataset at a commit, read: conditions pushed down, splits, frames, tensors, neighbours of other libraries."""

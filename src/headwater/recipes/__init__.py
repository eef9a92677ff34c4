"""Fixed training procedures, and the out-of-fold scores they give."""

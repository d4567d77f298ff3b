"""Starting a training on Ray Train and following it."""

"""A recipe's manifests: what its plan needs, the nodes that have it, and the objects that make them."""

"""Whether the pods of a cluster, which start together or not at all, have a place on the nodes."""

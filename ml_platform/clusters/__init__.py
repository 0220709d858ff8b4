"""What a cluster is, how it is made, followed and removed."""

"""The Ray job: what is submitted, what runs on the cluster, how it is read back."""

"""Jobs on a Ray head, over HTTP: submit, follow, stop; the same for every provisioner."""

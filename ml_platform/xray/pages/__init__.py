"""X-Ray's pages: drawn on the server out of the store, each with a twin in JSON."""

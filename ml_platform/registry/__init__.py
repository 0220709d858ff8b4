"""Model versions and the champion alias."""

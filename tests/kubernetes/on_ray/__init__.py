"""Tests with a real Ray in the pods."""

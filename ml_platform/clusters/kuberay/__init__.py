"""Clusters on Kubernetes, made and guarded by KubeRay."""

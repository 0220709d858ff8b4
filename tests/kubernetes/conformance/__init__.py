"""Does an operator of KubeRay behave as the real one was recorded to?

`traces/` holds timelines of the real operator 1.7.0. Each situation is played again, with a light
stand-in for Ray, against whatever operator the cluster runs; `stories` reduces both timelines to
what a client can depend on, and `compare` tells the differences.
"""

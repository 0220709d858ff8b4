"""Does an operator of KubeRay behave as the real one was recorded to?

`traces/` holds timelines of the real operator 1.7.0. Each scenario is run again, with a light
stand-in for Ray, against whatever operator the cluster runs; `normalise` reduces both timelines to
what a client can depend on, and `compare` tells the differences.
"""

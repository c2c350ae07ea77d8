"""Playing a desk for real: the platform in processes of its own, people at its edges, a clock that can be moved.

The demo tells its day with it; journeys and fault tests assert with it.
"""

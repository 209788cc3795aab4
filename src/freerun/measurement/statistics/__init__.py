"""What can be measured on samples, orbits and strings alone? Pure functions: no run, no model, no task.

`freerun.measurement.metrics` says what they are applied to. Chance is an argument: an array of draws, or a stream.
"""

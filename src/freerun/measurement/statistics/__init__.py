"""Statistics of samples, orbits and strings alone: pure functions of arrays, no run, no model, no task.

`freerun.measurement.metrics` says what they are applied to. Chance is an argument: an array of draws, or a stream.
"""

"""The real functions and the real loader over a model of AWS: one thread, a virtual clock, one seed for all chance.

A run is a pure function of its scenario, so that what fails once fails again: `python -m tests.simulation --seed N`
tells the story of a seed. Beside what other tests do, it lets every AWS call fail in every way, and interleaves whatever
goes on at the same time at each of them.
"""

"""The language of Cubic: keys, loads, snapshots, messages, and the store that knows the state of each load."""

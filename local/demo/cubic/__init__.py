"""The command `make demo-cubic`: uploads files of Cubic's streams to the emulated AWS, and checks where each has gone."""

"""AWS on this machine: each module stands in for one part of it, and says how it differs."""

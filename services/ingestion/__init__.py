"""The core: what any source's deployables share."""

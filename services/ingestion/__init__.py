"""What two or more of the deployables share, and nothing else."""

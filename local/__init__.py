"""The whole system on one machine, without an AWS account: what `make demo` runs."""

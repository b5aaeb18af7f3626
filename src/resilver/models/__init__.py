"""Networks at restore time: what a weight file is, where it lies, how it runs."""

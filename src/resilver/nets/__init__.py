"""Networks: one per file with its config dataclass. Torch only; nothing here runs at restore time."""

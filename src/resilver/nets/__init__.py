"""Networks: one per file with its config dataclass. Torch only; nothing of it runs at restore."""

"""Pure functions on arrays: tiles, fills, measures."""

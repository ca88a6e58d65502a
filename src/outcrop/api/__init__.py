"""What each operation does: one async function for each, from a validated call to its answer."""

"""What Outcrop is measured with, beside the peers that do a part of the same work."""

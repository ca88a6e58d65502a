"""What a model is, as bytes: reading it, judging it, sealing it. Pure: nothing here does input or output."""

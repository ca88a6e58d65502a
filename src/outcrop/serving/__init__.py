"""How an imported model is used: which copy holds it, what is asked of its engine, and what its users get back."""

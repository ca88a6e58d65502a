"""How a model gets in: plan → check → copy → verify → prove → publish."""

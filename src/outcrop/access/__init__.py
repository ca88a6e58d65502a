"""Who may do what: IAM-style policies, their evaluation, and the actions that each operation needs. Pure."""

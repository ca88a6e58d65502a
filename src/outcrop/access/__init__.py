"""Who may do what: principals and, later, their policies."""

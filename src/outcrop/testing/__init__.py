"""Fakes of the ports, for our tests and yours. Each passes the contract suite of its port (tests/contract)."""

"""`python -m outcrop`."""

from outcrop.cli import main

main()

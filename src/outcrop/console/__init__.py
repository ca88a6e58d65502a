"""What is served beside AWS's API, with Starlette: health, and how far an import is."""

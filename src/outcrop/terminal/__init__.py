"""What the commands show, and how they talk to a server: for people at a terminal."""

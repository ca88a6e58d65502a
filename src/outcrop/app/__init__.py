"""The composition root: from settings to running services. Nothing else imports adapters.

server.py     everything behind `outcrop serve`
sources.py    the store behind an s3:// address or a local folder
logs.py       where log lines go
"""

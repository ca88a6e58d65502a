"""Amazon Bedrock Custom Model Import, running where you run it."""

__version__ = "0.1.0"

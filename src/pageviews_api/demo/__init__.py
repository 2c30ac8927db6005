"""A demonstration without a network: bundled real numbers, and an AQS that serves them."""

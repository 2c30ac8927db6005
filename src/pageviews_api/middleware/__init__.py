"""What happens to every request before and after its route, as plain ASGI.

From the outside in: request id, log line, default headers, CORS, rate limit, catch-all, host,
size, path, methods, compression (a library's). The catch-all stands inside CORS: a browser shows a
500 without CORS headers as a network error. It also stands inside the rate limit, which tells with
every answer what is left.
"""

PROBES = frozenset({"/healthz", "/readyz"})
"""Paths that the platform asks for: not logged, not limited."""

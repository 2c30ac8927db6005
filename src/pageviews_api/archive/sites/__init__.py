"""The archive of the configured sites' finished days: documents of their own, beside the others.

What the operator's analytics tell is not public: it has a prefix, and routes, of its own.
"""

"""Many articles in one question: each with its own result or problem, and the figures of the set.

Wikimedia has no call for several articles, so each that is not held costs a request of the one
budget: a set in a URL (``sets``) asks at once, a batch (``batches``) takes its time.
"""

"""The models: what is asked, what upstreams send, what we answer, what we archive."""

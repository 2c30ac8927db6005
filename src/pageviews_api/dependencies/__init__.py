"""What handlers ask for, and how it comes out of a request."""

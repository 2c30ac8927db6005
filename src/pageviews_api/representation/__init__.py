"""How an answer is represented in HTTP: in which format, as what bytes, for how long. Pure.

``negotiation`` chooses the format, ``tables`` makes rows of an answer, ``writers`` bytes of rows;
``conditional`` tells whether a caller has them already, ``freshness`` how long they may be kept.
"""

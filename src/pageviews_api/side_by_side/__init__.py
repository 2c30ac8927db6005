"""A site's page beside an article: both by day, and by how many days one follows the other.

``site_days`` tells what a site's days are, ``points`` puts both on one axis, ``lags`` compares
them: all of it pure. ``answers`` asks both sides, and makes the answer.
"""

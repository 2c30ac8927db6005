"""A package by name: a library that the tests use installs another ``tests``, which would win."""

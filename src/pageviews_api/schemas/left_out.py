"""Fields that an answer leaves out where they say nothing, instead of saying ``null``."""


def is_none(value: object) -> bool:
    """Tell what ``exclude_if`` leaves out."""
    return value is None

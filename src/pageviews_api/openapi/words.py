"""Words that mean the same in every answer, for fields that do not describe themselves.

A field that is, or lists, schemas of its own needs none: they have their description.
"""

WORDS = {
    "article": "The article's exact title, with underscores.",
    "date": "The UTC day.",
    "days_counted": "Days whose number is known.",
    "days_in_range": "Days that were asked for.",
    "end": "The last day, included.",
    "median": "The median of the known days.",
    "project": "The Wikimedia project, as AQS names it.",
    "rank": "The place in the list; ties share one.",
    "start": "The first day.",
    "total": "The sum of the known days.",
    "views": "Page loads counted.",
}

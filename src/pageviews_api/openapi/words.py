"""Words that mean the same in every answer, for fields that do not describe themselves.

A field that is, or lists, schemas of its own needs none: they have their description.
"""

WORDS = {
    "access": "How the page was reached.",
    "access-site": "Which of a project's sites it was.",
    "article": "The article's exact title, with underscores.",
    "by": "By what a series is told in parts.",
    "country": "The country's code (ISO 3166-1, two letters).",
    "date": "The UTC day.",
    "day": "The day of the month, with two digits; or `all-days`.",
    "days_counted": "Days whose number is known.",
    "days_in_range": "Days that were asked for.",
    "devices": "Unique devices, estimated: `underestimate` and `offset` together.",
    "end": "The last day, included.",
    "granularity": "What one item covers.",
    "median": "The median of the known days.",
    "month": "The month, with two digits.",
    "interval": "What one item covers.",
    "offset": "The part of `devices` that is estimated from requests without a cookie.",
    "per_million": "Views for each million of the whole project's; `null` where it is not known.",
    "pageviews": "Pages looked at.",
    "project": "The Wikimedia project, as AQS names it.",
    "project_views": "The whole project's views; `null` where that is not known.",
    "rank": "The place in the list; ties share one.",
    "start": "The first day.",
    "timestamp": "`YYYYMMDD`; a month is told by its first day.",
    "total": "The sum of the known days.",
    "underestimate": "The part of `devices` that is counted by cookies.",
    "views": "Page loads counted.",
    "views_ceil": "Page loads counted, rounded up.",
    "visitors": "Visitors; `null` where the provider does not tell them.",
    "visits": "Visits; `null` where the provider does not tell them.",
    "year": "The year, with four digits.",
}

"""Charts as SVG: pure, from an answer and how it should look to text.

From numbers to a picture: ``marks`` (what is drawn), ``ticks`` (what stands at the axes), ``scale``
(where it goes), ``path`` (the lines as text), ``lettering`` and ``words`` (what is said),
``palette`` (colours), ``layout`` (what has room), ``drawing`` (the whole).
"""

from pageviews_api.charts.drawing import draw

__all__ = ["draw"]

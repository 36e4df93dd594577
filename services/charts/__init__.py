"""Charts of rates as SVG or PNG: `draw_series` and `draw_ranking`. They import matplotlib only when they draw.

Charts are readable without colour, have no date in them, and are the same bytes for the same input and fonts.
"""

from services.charts.data import Chart, Line, Point, Ranked
from services.charts.ranking import draw_ranking
from services.charts.series import draw_series

__all__ = ["Chart", "Line", "Point", "Ranked", "draw_ranking", "draw_series"]

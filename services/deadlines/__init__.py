"""Statutory deadlines: the table of rules, the working days they run in, and which clocks run for a sample.

For other services: `load_table()` reads the table, `clock_for(table, rule, started_at, calendar)` starts a clock of one
rule, `due(rule, started_at, calendar)` reckons its end.
"""

from services.deadlines.clocks import Clock, clock_for
from services.deadlines.reckoning import Due, due
from services.deadlines.table import Rule, Table, TableError, load_table
from services.deadlines.working_days import WorkingDays, load_working_days

__all__ = [
    "Clock",
    "Due",
    "Rule",
    "Table",
    "TableError",
    "WorkingDays",
    "clock_for",
    "due",
    "load_table",
    "load_working_days",
]

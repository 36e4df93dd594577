"""Laboratories: what they send, what becomes of it, and who has fallen silent."""

from __future__ import annotations

from deploy.grafana.board import Board, Panel, Query

_RESULTS = 'samplewatch_receipts_total{topic="lab.results.v1"}'

LABORATORIES = Board(
    "samplewatch-laboratories",
    "Samplewatch: laboratories",
    "By name only those of SAMPLEWATCH_DAILY_LABORATORIES; for the others ask the receipts.",
    {
        "Results": [
            Panel(
                "Results",
                "By their receipts' outcome.",
                "cps",
                [Query(f"sum by (outcome) (rate({_RESULTS}[$__rate_interval]))")],
            ),
            Panel(
                "Share rejected",
                "",
                "percentunit",
                [
                    Query(
                        f'sum(rate({_RESULTS[:-1]}, outcome="rejected"}}[$__rate_interval]))'
                        f" / sum(rate({_RESULTS}[$__rate_interval]))",
                        "rejected",
                    )
                ],
            ),
            Panel(
                "Rejected, by field",
                "",
                "short",
                [Query('sum by (field) (samplewatch_dead_letters_total{topic="lab.results.v1"}) or vector(0)')],
            ),
        ],
        "Laboratories that report daily": [
            Panel(
                "Results of the last day",
                "",
                "short",
                [Query("sum by (lab_id) (increase(samplewatch_laboratory_results_total[1d]))")],
            ),
            Panel(
                "Silent for a day",
                "1: none accepted. Rest days count here; the alert leaves them out.",
                "short",
                [
                    Query(
                        "max by (lab_id) (samplewatch_laboratory_reports_daily)"
                        " unless (sum by (lab_id) (increase(samplewatch_laboratory_results_total[1d])) > 0)"
                        " or 0 * max by (lab_id) (samplewatch_laboratory_reports_daily)"
                    )
                ],
            ),
            Panel("Working day", "", "short", [Query("max(samplewatch_working_day)", "today")]),
        ],
        "From result to verdict": [
            Panel(
                "Age of results when their verdict is published",
                "",
                "s",
                [
                    Query(
                        f"histogram_quantile({share}, sum by (le) "
                        '(rate(samplewatch_record_seconds_bucket{topic="lab.results.v1"}[$__rate_interval])))',
                        f"p{share * 100:g}",
                    )
                    for share in (0.5, 0.95, 0.99)
                ],
            ),
            Panel(
                "Slower than 5 s",
                "The objective is 1 %.",
                "percentunit",
                [
                    Query(f"slo:samplewatch_verdict_slow:ratio_rate{window}", window)
                    for window in ("5m", "1h", "6h", "3d")
                ],
            ),
            Panel(
                "Lag of results", "", "short", [Query('sum by (job) (samplewatch_lag_records{topic="lab.results.v1"})')]
            ),
        ],
    },
)

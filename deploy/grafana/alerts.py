"""Alerts and the messages about them: what is open, who answers, whether people are reached."""

from __future__ import annotations

from deploy.grafana.board import Board, Panel, Query

_OPEN = 'samplewatch_alerts{state!~"closed|cancelled"}'

ALERTS = Board(
    "samplewatch-alerts",
    "Samplewatch: alerts",
    "Alerts as they stand, their lives, and their delivery.",
    {
        "Alerts": [
            Panel("Open, by state", "", "short", [Query(f"sum by (state) (max without (instance, job) ({_OPEN}))")]),
            Panel("Open, by kind", "", "short", [Query(f"sum by (kind) (max without (instance, job) ({_OPEN}))")]),
            Panel(
                "Open, by severity", "", "short", [Query(f"sum by (severity) (max without (instance, job) ({_OPEN}))")]
            ),
            Panel(
                "Steps",
                "Raised, notified, escalated, acknowledged and so on.",
                "cps",
                [Query("sum by (transition) (rate(samplewatch_alert_steps_total[$__rate_interval]))")],
            ),
            Panel(
                "Time to acknowledge, median",
                "Over a day.",
                "s",
                [Query("histogram_quantile(0.5, sum by (le, severity) (samplewatch_acknowledge_seconds_bucket))")],
            ),
        ],
        "Statutory deadlines": [
            Panel("Near or passed", "", "short", [Query("sum(samplewatch_open_deadlines)", "open")]),
            Panel(
                "What became of them",
                "",
                "short",
                [Query("sum by (rule, phase) (samplewatch_deadlines_total)", "{{rule}} {{phase}}")],
            ),
        ],
        "Delivery": [
            Panel(
                "Messages",
                "",
                "cps",
                [
                    Query(
                        "sum by (channel, outcome) (rate(samplewatch_notifications_total[$__rate_interval]))",
                        "{{channel}} {{outcome}}",
                    )
                ],
            ),
            Panel("Waiting", "", "short", [Query("sum by (channel) (samplewatch_notifications_waiting)")]),
            Panel("Oldest that waits", "", "s", [Query("max by (channel) (samplewatch_notification_oldest_seconds)")]),
            Panel("Dead destinations", "", "short", [Query("max by (channel) (samplewatch_dead_channels)")]),
            Panel(
                "Time of an attempt, p95",
                "",
                "s",
                [
                    Query(
                        "histogram_quantile(0.95, sum by (le, channel)"
                        " (rate(samplewatch_notification_seconds_bucket[$__rate_interval])))"
                    )
                ],
            ),
            Panel(
                "Urgent, slower than 60 s",
                "The objective is 1 %.",
                "percentunit",
                [
                    Query(f"slo:samplewatch_urgent_slow:ratio_rate{window}", window)
                    for window in ("5m", "1h", "6h", "3d")
                ],
            ),
            Panel(
                "Routes in force are the newest",
                "",
                "short",
                [Query('min(samplewatch_routes_current{job="alerts"})', "1: yes")],
            ),
        ],
    },
)

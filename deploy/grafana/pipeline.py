"""The pipeline: whether everything gets through, how fast, and what holds it up."""

from __future__ import annotations

from deploy.grafana.board import Board, Panel, Query


def _quantile(share: float, histogram: str, by: str) -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({histogram}_bucket[$__rate_interval])))"


PIPELINE = Board(
    "samplewatch-pipeline",
    "Samplewatch: pipeline",
    "Rate, errors and duration of every stage, what waits, and the two servers underneath.",
    {
        "At a glance": [
            Panel("Services ready", "Of those scraped.", "short", [Query("sum(samplewatch_ready)")], "number"),
            Panel(
                "Records behind", "On all topics.", "short", [Query("sum(topic:samplewatch_lag_records:sum)")], "number"
            ),
            Panel(
                "Paused partitions", "", "short", [Query("sum(samplewatch_paused_partitions) or vector(0)")], "number"
            ),
            Panel(
                "Results in time",
                "Share of results that were verdicts within 5 s, over six hours.",
                "percentunit",
                [Query("1 - slo:samplewatch_verdict_slow:ratio_rate6h")],
                "number",
            ),
            Panel(
                "Newest verdict",
                "Age of the newest result or sample that changed a verdict.",
                "s",
                [Query("time() - max(samplewatch_newest_verdict_timestamp_seconds > 0)")],
                "number",
            ),
            Panel(
                "Still to catch up",
                "After a start, a rebalance or a loss of Redis.",
                "short",
                [Query("sum(samplewatch_catch_up_left_records)")],
                "number",
            ),
        ],
        "Stages": [
            Panel(
                "Records applied",
                "",
                "cps",
                [Query("sum by (stage) (rate(samplewatch_events_total[$__rate_interval]))")],
            ),
            Panel(
                "Batches tried again",
                "After an error of Redis or Kafka.",
                "cps",
                [Query("sum by (stage) (rate(samplewatch_apply_retries_total[$__rate_interval]))")],
            ),
            Panel("Time of a batch, p95", "", "s", [Query(_quantile(0.95, "samplewatch_batch_seconds", "stage"))]),
            Panel(
                "Time of each step, mean",
                "",
                "s",
                [
                    Query(
                        "sum by (stage, step) (rate(samplewatch_step_seconds_sum[$__rate_interval]))"
                        " / sum by (stage, step) (rate(samplewatch_step_seconds_count[$__rate_interval]))",
                        "{{stage}} {{step}}",
                    )
                ],
            ),
            Panel(
                "Records in a batch, mean",
                "",
                "short",
                [
                    Query(
                        "sum by (stage) (rate(samplewatch_batch_records_sum[$__rate_interval]))"
                        " / sum by (stage) (rate(samplewatch_batch_records_count[$__rate_interval]))"
                    )
                ],
            ),
            Panel(
                "From arrival to all that follows, p99",
                "Of lab.results.v1: until the verdict is published.",
                "s",
                [Query(_quantile(0.99, "samplewatch_record_seconds", "topic"))],
            ),
        ],
        "What waits": [
            Panel("Lag", "", "short", [Query("topic:samplewatch_lag_records:sum", "{{job}} {{topic}}")]),
            Panel("Standing still", "", "s", [Query("max by (job, topic) (samplewatch_standing_still_seconds)")]),
            Panel("Oldest in the outbox", "", "s", [Query("max by (stage) (samplewatch_outbox_oldest_seconds)")]),
            Panel("Outbox", "", "short", [Query("sum by (stage) (samplewatch_outbox_messages)")]),
            Panel("To catch up", "", "short", [Query("sum by (job, topic) (samplewatch_catch_up_left_records)")]),
            Panel("Partitions owned", "", "short", [Query("sum by (stage) (samplewatch_assigned_partitions)")]),
        ],
        "What comes in": [
            Panel(
                "Receipts",
                "",
                "cps",
                [
                    Query(
                        "sum by (topic, outcome) (rate(samplewatch_receipts_total[$__rate_interval]))",
                        "{{topic}} {{outcome}}",
                    )
                ],
            ),
            Panel(
                "Dead letters",
                "By the field at fault.",
                "short",
                [Query("sum by (topic, field) (samplewatch_dead_letters_total) or vector(0)", "{{topic}} {{field}}")],
            ),
            Panel("Rollbacks of Redis", "", "short", [Query("sum by (stage) (samplewatch_ledger_rollbacks_total)")]),
        ],
        "Redis": [
            Panel(
                "Memory",
                "The limit is 0 where there is none.",
                "bytes",
                [
                    Query("max(samplewatch_redis_memory_bytes)", "used"),
                    Query("max(samplewatch_redis_memory_limit_bytes)", "limit"),
                ],
            ),
            Panel("Append-only file", "1: kept", "short", [Query("min(samplewatch_redis_append_only)")]),
        ],
    },
)

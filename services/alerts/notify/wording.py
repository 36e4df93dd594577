"""The words of messages, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "zh": {
        "news": {
            "raised": "新预警",
            "updated": "更新",
            "escalated": "升级",
            "repeated": "仍未签收",
            "closed": "已办结",
            "cancelled": "撤销",
        },
        "severity": {"Extreme": "特别严重", "Severe": "严重", "Moderate": "较重", "Minor": "一般"},
        "urgency": {"Immediate": "立即处置", "Expected": "尽快处置", "Future": "按期处置"},
        "level": {"township": "乡镇(街道)", "county": "县(区)", "city": "市"},
        "status": {"Exercise": "演练数据", "Test": "测试"},
        "kind": {
            "failed_sample": "不合格样品",
            "hotspot": "风险聚集",
            "overdue": "逾期",
            "rate_drop": "合格率下降",
            "lab_integrity": "检验数据存疑",
        },
        "table": {"county": "县区", "class": "类别", "severity": "严重程度"},
        "many": "{total} 条预警:{place}",
        "cut": "(内容过长,已截断;全部请用命令查看:{command})",
        "joint": "、",
    },
    "en": {
        "news": {
            "raised": "new",
            "updated": "updated",
            "escalated": "escalated",
            "repeated": "not acknowledged yet",
            "closed": "closed",
            "cancelled": "cancelled",
        },
        "severity": {name: name for name in ("Extreme", "Severe", "Moderate", "Minor")},
        "urgency": {name: name for name in ("Immediate", "Expected", "Future")},
        "level": {name: name for name in ("township", "county", "city")},
        "status": {"Exercise": "simulated", "Test": "test"},
        "kind": {
            "failed_sample": "failed sample",
            "hotspot": "hotspot",
            "overdue": "overdue",
            "rate_drop": "rate drop",
            "lab_integrity": "laboratory data",
        },
        "table": {"county": "county", "class": "class", "severity": "severity"},
        "many": "{total} alerts: {place}",
        "cut": "(Cut, for it is too long. See all with: {command})",
        "joint": ", ",
    },
}

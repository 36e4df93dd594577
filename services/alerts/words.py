"""Domains and plans in Chinese, as alerts name them."""

from __future__ import annotations

DOMAINS = {
    "food": "食品",
    "food_rapid": "食品快检",
    "drug": "药品",
    "medical_device": "医疗器械",
    "cosmetic": "化妆品",
    "product": "工业产品",
}
PLANS = {"supervision": "监督抽检", "risk_monitoring": "风险监测", "evaluation": "评价性抽检", "special": "专项抽检"}

"""The finding about a laboratory: a priority for an audit with its evidence, never an accusation. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from schemas.findings import Finding
from schemas.timing import SYNTHETIC
from services.alerts.hotspots.finding import EvidenceFacts, FindingFacts, WordingFacts
from services.alerts.hotspots.quarters import quarter_of
from services.alerts.integrity.check import Suspicion

RULE = "lab_integrity"
SOURCE = "samplewatch/integrity"
#: What each kind of evidence is, in Chinese and English.
WORDS: dict[str, tuple[str, str]] = {
    "impossible_times": ("检验时间先后矛盾", "times out of order"),
    "quick_turnaround": ("检验周期明显过短", "turnaround much shorter than its peers'"),
    "repeated_values": ("数值重复出现", "values repeated"),
    "last_digits": ("末位数字分布异常", "last digits unlike its peers'"),
    "little_variation": ("数值波动明显过小", "variation smaller than its peers'"),
    "just_under_limit": ("数值集中于限量以下", "values bunched just under limits"),
    "few_failures": ("不合格率低于品种结构应有水平", "fewer failures than its case mix has elsewhere"),
}


#: Room below the day in a revision for the second of the check; with it a revision stays below 2**53.
_SECONDS_BITS = 32


def with_untested(found: Iterable[Suspicion], labs: Iterable[str]) -> list[Suspicion]:
    """What was found, and of these laboratories each test that could not be made: it names nobody (any more)."""
    tests = {(one.lab, one.kind): one for one in found}
    untested = (Suspicion(lab, kind, 0.0, "none", 0, ()) for lab in sorted(labs) for kind in WORDS)
    return [*tests.values(), *(one for one in untested if (one.lab, one.kind) not in tests)]


def finding_of(
    suspicion: Suspicion, area: str, first: date, last: date, checked_at: float, simulated: bool = False
) -> Finding:
    """The finding as of `last`: open where e-BH names the test, over where it does not (any more).

    checked_at: seconds since the epoch. simulated: so are reports of the laboratory, which makes the alert an exercise.
    """
    zh, en = WORDS[suspicion.kind]
    details = "; ".join(suspicion.details)
    finding: Finding = FindingFacts(
        rule=RULE,
        subject=f"{suspicion.lab}|{suspicion.kind}",
        epoch=quarter_of(last),
        # a later day's check replaces an earlier one's; of one day's, the one that was made later
        revision=last.toordinal() << _SECONDS_BITS | int(checked_at),
        status="open" if suspicion.priority == "high" else "over",
        kind="lab_integrity",
        severity="Moderate",
        urgency="Expected",
        certainty="Possible",
        event=WordingFacts(zh="检验数据审核优先事项", en="laboratory data to audit first"),
        headline=WordingFacts(zh=f"建议优先审核 {suspicion.lab}:{zh}", en=f"Audit {suspicion.lab} first: {en}"),
        description=WordingFacts(
            zh=(
                f"{first} 至 {last},{suspicion.lab} 的 {suspicion.cases} 项数据与同类实验室相比:{zh}({details})。"
                f"证据值 e = {suspicion.e_value:.3g};全部检验经 e-BH 校正,错误发现率不超过 10%。"
                "这只是审核的先后次序,不是结论:设备、样品来源和操作规程都可能造成差异。"
            ),
            en=(
                f"{first} to {last}: {suspicion.cases} cases of {suspicion.lab} beside those of its peers: {en} "
                f"({details}). Evidence e = {suspicion.e_value:.3g}, named by e-BH at a false discovery rate of 0.1 "
                "over all tests. This is an order in which to audit, not a conclusion: equipment, kinds of samples and "
                "procedures differ for honest reasons too."
            ),
        ),
        instruction=WordingFacts(
            zh="请调阅原始记录、仪器日志和样品流转单核对;核对结果请记录在预警的处置意见中。",
            en="Compare raw records, instrument logs and sample custody; note what was found in the alert.",
        ),
        area=area,
        lab_id=suspicion.lab,
        evidence=tuple(
            EvidenceFacts(name=name, value=value)
            for name, value in (
                ("kind", suspicion.kind),
                ("e_value", f"{suspicion.e_value:.4g}"),
                ("cases", str(suspicion.cases)),
                *(("detail", detail) for detail in suspicion.details),
            )
        ),
        reason=_why_over(suspicion) if suspicion.priority != "high" else None,
        source=f"{SYNTHETIC}{SOURCE}" if simulated else SOURCE,
    )
    return finding


def _why_over(suspicion: Suspicion) -> str:
    return "e-BH does not name it any more" if suspicion.cases else "the test can't be made of this period's reports"

"""Trains the dictionaries of services/runtime/dictionaries: `python -m bench.dictionaries [--write KIND ...]`.

They are trained on simulated samples whose counties, enterprises, laboratories, people and numbers are made up anew, so
that they learn how such values are built rather than who is in them. They are judged by others: another seed with other
names, the simulated city as it is, and the benchmarks' feed. With --write the next number of those kinds is written;
what is in Redis keeps the number it was written with (services/runtime/codec.py).
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from typing import Any

import msgspec
from zstandard import train_dictionary

from bench.feed import COUNTRY, results, samplings
from schemas.results import RESULT_EVENT
from schemas.sampling import SAMPLING_EVENT
from schemas.structs import mirror
from services.alerts.act_by import ActBy
from services.alerts.escalation import load_policy
from services.alerts.failed_samples import judge
from services.alerts.life import advance
from services.alerts.values import decode_verdict, milliseconds_of
from services.lab_results import domain as lab
from services.lab_results.facts import content_mark, facts_of
from services.lab_results.store import pack_dossier
from services.runtime.codec import DICTIONARIES, LEVEL, Codec, dictionaries_of
from services.runtime.marks import mark_of
from services.runtime.settings import PARTITIONS
from services.sampling import domain as sampling
from services.sampling.packing import pack_life
from services.simulate.simulate import simulate

#: More adds little: 32 kB save two bytes a value and cost time and cache.
_BYTES = 16 * 1024
_SAMPLES = 4000
_HOUR_MS = 3_600_000
_POLICY = load_policy()
_ACT_BY = ActBy(_POLICY)
_encode = msgspec.json.Encoder().encode
_KINDS = ("lives", "dossiers", "alerts")
#: Syllables of which made-up enterprises, streets and people are put together: for training, and others for judging.
_SYLLABLES = {
    True: "福禄兴隆和顺永昌德盛华丰金鑫源泰康宁瑞祥嘉美佳乐惠民万家东南北中天地大小新老百千好又多香甜益生",
    False: "鲁闽滇琼柏桐梅兰荷菊松竹溪涧峰岭岩磊沐汐澜澄晖晟昱昊皓轩辕宸睿哲彬楷楠榕桦棠棣樱槿薇芷若萱蕊蕾",
}
_COUNTIES = {
    True: [
        "长安区",
        "历城区",
        "浦东新区",
        "海淀区",
        "武侯区",
        "天河区",
        "余杭区",
        "昆山市",
        "义乌市",
        "晋江市",
        "顺德区",
        "城关区",
        "洪山区",
        "岳麓区",
    ],
    False: ["伊宁市", "察隅县", "大理市", "瑞丽市", "漠河市", "敖汉旗", "乌审旗", "阿克苏市", "三沙市", "和静县"],
}


def renamed(events: Iterable[Any], seed: int, training: bool) -> Iterator[dict[str, Any]]:
    """The events, with whoever and whatever is named in them named anew, each name the same way throughout."""
    dice, syllables, counties = random.Random(seed), _SYLLABLES[training], _COUNTIES[training]

    def word(length: int) -> str:
        return "".join(dice.choices(syllables, k=length))

    def digits(length: int) -> str:
        return "".join(dice.choices("0123456789", k=length))

    @cache
    def enterprise(name: str) -> str:
        kind = dice.choice(
            ("有限公司", "有限责任公司", "股份有限公司", "商行", "经营部", "店", "超市", "餐厅", "厂", "药房")
        )
        return f"{dice.choice(counties)}{word(dice.randint(2, 4))}{name[-dice.randint(0, 3) :]}{kind}"

    @cache
    def licence(_: str) -> str:
        return dice.choice(("SC1", "JY1", "JY2", "JY3", "9162", "9137", "粤")) + digits(dice.choice((8, 13, 14)))

    @cache
    def address(_: str) -> str:
        place = f"{dice.choice(counties)}{word(2)}{dice.choice(('街道', '镇', '乡', '路', '大道', '工业园', '村'))}"
        return f"{place}{dice.randint(1, 400)}号{dice.choice(('', '', '一楼', '商铺', '院内', '东侧'))}"

    style = dice.choice(("XC{}", "SBJ{}", "GZJ{}", "DBJ{}", "PJ{}ZX", "S{}"))

    @cache
    def number(old: str) -> str:
        return style.format(digits(dice.choice((8, 10, 14))))

    @cache
    def code(old: str) -> str:
        return f"{dice.randint(11, 65)}{dice.randint(1, 20):02}{dice.randint(1, 30):02}{old[6:]}"

    @cache
    def laboratory(_: str) -> str:
        return dice.choice(
            (f"L{digits(3)}", f"lab-{digits(2)}", f"CMA{digits(6)}", f"{dice.choice(counties)}检验检测中心")
        )

    @cache
    def sender(old: str) -> str:
        return dice.choice(
            (f"/lims/{digits(2)}", f"inspectors-{digits(4)}", f"urn:amr:{digits(6)}", f"lims.{digits(2)}.cn")
        )

    @cache
    def person(_: str) -> str:
        return dice.choice("王李张刘陈杨黄赵吴周徐孙马朱胡郭") + word(dice.randint(1, 2))

    @cache
    def report(_: str) -> str:
        return dice.choice(("No.", "R", "BG", "")) + digits(dice.choice((8, 10, 12)))

    def party(of: dict[str, Any]) -> dict[str, Any]:
        made = {"name": enterprise(of["name"])}
        if "licence" in of and dice.random() < 0.9:
            made["licence"] = licence(of["licence"])
        if "address" in of:
            made["address"] = address(of["address"])
        return made

    # what one sample's events agree on has to be made once
    cached_party = cache(lambda packed: json.dumps(party(json.loads(packed))))
    say: dict[str, Callable[[Any], Any]] = {
        "sample_id": number,
        "source": sender,
        "region": code,
        "lab_id": laboratory,
        "report_no": report,
        "retest_of": report,
        "sampled_by": lambda people: [person(one) for one in people],
        "producer": lambda of: json.loads(cached_party(json.dumps(of))),
        "sampled_party": lambda of: json.loads(cached_party(json.dumps(of))),
        "linked_inspection": number,
        "batch": lambda old: old if len(old) > 6 else digits(8),
        "brand": lambda old: word(2),
    }
    for event in events:
        body = json.loads(event.value)
        yield {name: say[name](value) if name in say else value for name, value in body.items()}


def contents(events: Iterable[dict[str, Any]]) -> dict[str, list[bytes]]:
    """What the services would compress, kind by kind, once all the events have come: by sample, at every state."""
    lives: dict[str, Any] = {}
    dossiers: dict[str, Any] = {}
    found: dict[str, list[bytes]] = {kind: [] for kind in _KINDS}
    for place, body in enumerate(events):
        sample_id, value = body["sample_id"], json.dumps(body).encode()
        mark, source = mark_of(body["source"], body["event_id"]), body["source"]
        if body["type"].startswith("Sample"):
            event: Any = SAMPLING_EVENT.validate_json(value)
            lives[sample_id], _ = sampling.take(lives.get(sample_id, sampling.UNKNOWN), event, source, mark, place)
            found["lives"].append(pack_life(lives[sample_id]))
            sample = sampling.sample_of(lives[sample_id])
            if sample is None:
                continue
            dossier = lab.register(dossiers.get(sample_id, lab.EMPTY), mirror(sample, lab.SampleFacts))
        else:
            event = facts_of(RESULT_EVENT.validate_json(value))
            held = dossiers.get(sample_id, lab.EMPTY)
            dossier, _ = lab.take(held, event, source, mark, content_mark(event))
        dossiers[sample_id] = dossier
        if dossier.reports:
            found["dossiers"].append(pack_dossier(dossier))
            found["alerts"] += _alerts(lab.verdict_of(dossier))
    return found


def _alerts(verdict: Any) -> Iterator[bytes]:
    """The alerts of a failing verdict, as raised, and after each step that time alone brings."""
    if verdict is None or verdict.outcome != "fail":
        return
    verdict, now = decode_verdict(_encode(verdict)), milliseconds_of(verdict.concluded_at) + _HOUR_MS
    for alert in judge({}, verdict, len(verdict.sample_id) % PARTITIONS, now, _POLICY, _ACT_BY):
        for stands in (alert, *advance(alert, now + 30 * 24 * _HOUR_MS, _POLICY)):
            yield _encode(stands)


def _cases() -> dict[str, dict[str, list[bytes]]]:
    start = date(2026, 1, 1)
    feed = (json.loads(value) for of in (samplings, results) for _, value in of(range(_SAMPLES), COUNTRY))
    return {
        "other seed, other names": contents(renamed(simulate(_SAMPLES, 977, date(2027, 5, 1)), 99, training=False)),
        "the simulated city": contents(json.loads(event.value) for event in simulate(_SAMPLES, 977, start)),
        "the benchmarks' feed": contents(feed),
    }


def main() -> None:
    """Trains, prints how many bytes a value takes, and writes if asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench.dictionaries", description=__doc__)
    parser.add_argument("--write", nargs="+", default=(), choices=_KINDS, help="write the next number of these kinds")
    write = parser.parse_args().write
    training: dict[str, list[bytes]] = {kind: [] for kind in _KINDS}
    for seed in range(6):
        events = simulate(_SAMPLES // 2, seed, date(2025 + seed % 3, 1 + seed, 1))
        for kind, values in contents(renamed(events, seed, training=True)).items():
            training[kind] += values
    cases = _cases()
    for kind in _KINDS:
        made = train_dictionary(_BYTES, training[kind], level=LEVEL).as_bytes()
        known = dictionaries_of(kind)
        codecs = {"new": Codec({1: made})} | {f"{kind}-{number}": Codec({1: known[number]}) for number in known}
        for case, found in cases.items():
            values = found[kind]
            plain = sum(map(len, values)) / len(values)
            sizes = (
                f"{name} {sum(len(codec.pack(v)) for v in values) / len(values):.1f}" for name, codec in codecs.items()
            )
            print(
                f"{kind:<9} {case:<24} {len(values):>6} values, bytes each: {plain:.1f}; compressed {', '.join(sizes)}"
            )
        if kind in write:
            (DICTIONARIES / f"{kind}-{max(known, default=0) + 1}.zdict").write_bytes(made)


if __name__ == "__main__":
    main()

"""Turns a planned message into text that a person can read, by the templates of this folder. Pure.

Few alerts are told in full. More become a summary: counts by county, class and severity, the gravest first, and the
command that lists the rest.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from schemas.alerts import AlertEvent
from schemas.notifications import News
from schemas.regions import INTERPROVINCIAL
from services.alerts.excess import describe
from services.alerts.item_classes import CLASSES
from services.alerts.notify.groups import Planned
from services.alerts.notify.wording import WORDS
from services.reports.regions import region_name
from services.runtime.calendar import SHANGHAI

#: So many alerts are told in full; of more, the gravest ones are named.
FULL, NAMED = 3, 8
_ROWS = 8
_TITLE_LENGTH = 120

_TEMPLATES = Environment(
    loader=PackageLoader("services.alerts.notify"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,
)


class Text(NamedTuple):
    """A message as it is sent: `gravity` is the severity of the gravest alert in it. `rest`: what it ends with
    where it has to be cut."""

    title: str
    body: str
    gravity: str
    rest: str = "…"


class _Told(NamedTuple):
    news: News
    alert: AlertEvent
    place: str


def render(planned: Planned, language: str) -> Text:
    """The message in `zh`, `en` or `both`; raises ValueError for a body that is none."""
    bodies = [json.loads(line.item.body) for line in planned.lines]
    if "kind" not in bodies[0]:
        return _notices(bodies, language)
    told = [
        _Told(line.news, alert, place_of(alert.area))
        for line, body in zip(planned.lines, bodies, strict=True)
        for alert in (AlertEvent.model_validate(body),)
    ]
    languages = _languages(language)
    texts = [_text(told, one) for one in languages]
    rest = WORDS[languages[0]]["cut"].format(command=_command(told))
    return Text(texts[0][0], "\n\n".join(body for _, body in texts), told[0].alert.severity, rest)


def fitted(text: Text, most: int | None) -> Text:
    """The text in so many bytes of UTF-8, title and a line's end included: cut after a whole line, if there is one."""
    if most is None or len(f"{text.title}\r\n{text.body}".encode()) <= most:
        return text
    room = max(0, most - len(f"{text.title}\r\n\n{text.rest}".encode()))
    kept = text.body.encode()[:room].decode(errors="ignore")
    lines = kept.rpartition("\n")[0] or kept
    return text._replace(body=f"{lines.rstrip()}\n{text.rest}")


def place_of(region: str) -> str:
    """A region in words, the province first; the code too, where there is one.

    >>> place_of("621002101")
    '甘肃省庆阳市西峰区 621002101'
    """
    if region == INTERPROVINCIAL:
        return f"跨省 {region}"
    if not region.isdigit():
        return region
    names = [region_name(region[:digits]) for digits in (2, 4, 6)]
    return f"{''.join(dict.fromkeys(name for name in names if not name.isdigit()))} {region}".strip()


def _text(told: Sequence[_Told], language: str) -> tuple[str, str]:
    words = WORDS[language]
    if len(told) > FULL:
        return _summary(told, language)
    title = f"{words['news'][told[0].news]}:{getattr(told[0].alert.headline, language)}"
    template = _TEMPLATES.get_template(f"alert.{language}.j2")
    index = ("zh", "en").index(language)
    parts = [
        template.render(
            words=words,
            news=one.news,
            alert=one.alert,
            place=one.place,
            time=_time,
            described=lambda item: describe(item)[index],
        )
        for one in told
    ]
    if len(told) > 1:
        title = words["many"].format(total=len(told), place=_common_place(told))
    return title[:_TITLE_LENGTH], "\n\n".join(part.strip() for part in parts)


def _summary(told: Sequence[_Told], language: str) -> tuple[str, str]:
    words = WORDS[language]
    open_ends = [one.alert.act_by for one in told if one.alert.act_by and one.news not in ("closed", "cancelled")]
    tables = {
        "county": _counted(one.alert.area[:6] if one.alert.area.isdigit() else one.alert.area for one in told),
        "class": _counted(one.alert.item_class or one.alert.kind for one in told),
        "severity": _counted(one.alert.severity for one in told),
    }

    def word(table: str, name: str) -> str:
        if table == "county":
            return region_name(name) if name.isdigit() else name
        if table == "severity":
            return str(words["severity"].get(name, name))
        known = CLASSES.get(name)
        return str(getattr(known, language)) if known else str(words["kind"].get(name, name))

    body = _TEMPLATES.get_template(f"summary.{language}.j2").render(
        words=words,
        word=word,
        time=_time,
        total=len(told),
        by_news=_counted(one.news for one in told),
        tables=[(title, rows[:_ROWS]) for title, rows in tables.items()],
        first_act_by=min(open_ends, default=None),
        gravest=told[:NAMED],
        command=_command(told),
    )
    return words["many"].format(total=len(told), place=_common_place(told))[:_TITLE_LENGTH], body.strip()


def _command(told: Sequence[_Told]) -> str:
    return f"samplewatch alerts list --area {_common_area(told)}"


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    return sorted(Counter(names).items(), key=lambda row: (-row[1], row[0]))


def _common_area(told: Sequence[_Told]) -> str:
    areas = [one.alert.area for one in told]
    if not all(area.isdigit() for area in areas):
        return areas[0].partition("/")[0]
    shared = (digits for digits in (12, 9, 6, 4, 2) if len({area[:digits] for area in areas}) == 1)
    return areas[0][: next((digits for digits in shared if len(areas[0]) >= digits), 2)]


def _common_place(told: Sequence[_Told]) -> str:
    return place_of(_common_area(told))


def _time(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _languages(language: str) -> tuple[str, ...]:
    return ("zh", "en") if language == "both" else (language,)


def _notices(bodies: Sequence[dict[str, Any]], language: str) -> Text:
    lines = ["\n".join(body["headline"][one] for one in _languages(language)) for body in bodies]
    return Text(lines[0].partition("\n")[0][:_TITLE_LENGTH], "\n".join(lines), str(bodies[0]["severity"]))

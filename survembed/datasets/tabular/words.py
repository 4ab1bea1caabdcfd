"""Words of a column name, in lower case and without accents."""

from __future__ import annotations

import re
import unicodedata


def word_set(text: str) -> frozenset[str]:
    """The words of `text`, which are separated by blanks."""
    return frozenset(text.split())


_JOINED = re.compile(r"(?<=[a-z])(days|weeks|months|years|time)(?![a-z])", re.IGNORECASE)
"""Words that are often written without a gap: `OSmonths`, `futime`, `survival_timedays`."""

_PREFIXED = re.compile(
    r"(?<![a-z])(os|dss|pfs|pfi|dfs|dfi|rfs|efs|ttp|vital|death|dead)(event|status|time|cens|date)",
    re.IGNORECASE,
)


def words(name: str) -> tuple[str, ...]:
    """Words of `name`: `OS.time`, `os_time` and `OSTime` give `("os", "time")`; `décès` gives `("deces",)`."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o"))
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    plain = re.sub(r"(?<=[a-z])'s\b", "", plain)  # Patient's Name
    plain = re.sub(r"(?<=time)to(?=[a-z])", " to ", plain, flags=re.IGNORECASE)  # timetodeath
    plain = re.sub(r"(?<=time)2(?=[a-z])", " to ", plain, flags=re.IGNORECASE)  # time2event
    plain = _PREFIXED.sub(r"\1 \2", plain)
    for _ in range(2):  # survivaltimedays
        plain = _JOINED.sub(r" \1", plain)
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain)
    return tuple(re.findall(r"[a-z0-9]+", plain.lower()))


ENDPOINTS = word_set("dss css pfs pfi dfs dfi rfs rfi efs ttp ttr mfs dmfs drfs lrfs lrrfs bcr bfs ffs ctss")
"""Abbreviations of endpoints other than overall survival."""

_SAME = {
    "time": "zeit tiempo temps tempo tijd times delai",
    "status": "stato estado statut",
    "vital": "vitale",
    "duration": "dauer duree duracion durata duracao duur length",
    "survival": "surv survie supervivencia sopravvivenza sobrevida sobrevivencia overleving uberleben ueberleben "
    "uberlebenszeit ueberlebenszeit gesamtuberleben gesamtueberleben lifetime",
    "followup": "fu fup nachsorge nachbeobachtung nachbeobachtungszeit beobachtungszeit suivi seguimiento seguimento",
    "overall": "total gesamt global globale",
    "event": "events ereignis evenement evento",
    "death": "deaths tod deces muerte morte mort decesso obito fallecimiento overlijden exitus mortality",
    "cod": "todesursache doodsoorzaak",
    "dead": "died deceased tot gestorben verstorben decede decedee muerto fallecido deceduto morto falecido overleden "
    "dod expired",
    "censored": "censor cens censoring censorship zensiert censure censurado censurada censurato",
    "alive": "living survived survivor survivors lebt lebend vivant vivo vive vivente levend",
    "date": "dates datum fecha todesdatum sterbedatum",
    "recurrence": "recurrences recurred recur relapse relapsed relapses rezidiv rezidive lokalrezidiv "
    "fernrezidiv ruckfall recidive rechute recidiva recidivas recaida recorrencia ricaduta ripresa recidief terugval",
    "progression": "progressed progressions progress progresion progressao progressione progressie",
}
_CANONICAL = {word: key for key, names in _SAME.items() for word in names.split()}


_FREE = {
    ("progression", "free"): "pfs",
    ("disease", "free"): "dfs",
    ("recurrence", "free"): "rfs",
    ("event", "free"): "efs",
    ("metastasis", "free"): "mfs",
    ("disease", "specific"): "dss",
    ("cancer", "specific"): "css",
}
"""Endpoints in words."""


def canonical(name: str) -> tuple[str, ...]:
    """Words of `name`, one English word for each idea: `OS.Zeit` gives os and time, `follow-up` followup.

    Endpoints are abbreviated: `Progression-free survival` gives pfs and survival.
    """
    found = [_CANONICAL.get(word, word) for word in words(name)]
    joined: list[str] = []
    for word in found:
        if word == "up" and joined and joined[-1] in ("follow", "followed"):
            joined[-1] = "followup"
        elif joined and (joined[-1], word) in _FREE:
            joined[-1] = _FREE[joined[-1], word]
        else:
            joined.append(word)
    if "5" in found or "flu" in found:  # 5-FU is a drug
        joined = ["fluorouracil" if word == "followup" and "up" not in found else word for word in joined]
    return tuple(joined)

"""Words for a missing value, in the languages of clinics."""

from __future__ import annotations

from survembed.datasets.tabular.numerals import plain

BLANK = frozenset({"", "na", "n/a", "nan", "null", "."})
"""Contents, in lower case, that mean that there is no value in any column; no note tells of them."""

_SURE = """
na|n/a|n.a|n. a|n/a n/a|#n/a|#na|<na>|nan|-nan|nat|<nat>|null|<null>|(null)|\\n|missing|<missing>|1.#ind|1.#qnan|-1.#ind
not available|not applicable|not known|not reported|not recorded|not determined|not evaluated|not assessed|not done
not evaluable|no data|no value|no information|data missing|unavailable|undetermined|unspecified|not specified
unknown|unkn|unk|n.d|nd|n/d|n.k|n/k|n.e|n.r|n/r
k.a|k. a|k/a|ka|keine angabe|keine angaben|keine daten|unbekannt|fehlt|fehlend|nicht bekannt|nicht verfügbar|n.v
nicht vorhanden|nicht erhoben|nicht bestimmt|nicht dokumentiert|nicht gemessen|nicht angegeben|ohne angabe|o.a|n.b
inconnu|inconnue|non disponible|non renseigné|non renseignée|non connu|non déterminé|manquant|manquante|n.c|n/c
desconocido|desconocida|no disponible|no consta|sin datos|faltante|desconhecido|não disponível|sem dados
sconosciuto|sconosciuta|non noto|non nota|mancante|non disponibile|onbekend|niet beschikbaar|niet bekend|ontbreekt
okänd|saknas|ukendt|ukjent|mangler|tuntematon|nieznany|nieznane|brak danych|неизвестно|нет данных|不明|欠損|未知|缺失
"""
_SIGNS = frozenset({"", ".", "..", "...", "…", "-", "--", "---", "–", "—", "−", "?", "??", "???", "*", "/", "//"})
_SURE_WORDS = frozenset(word.strip() for line in _SURE.strip().splitlines() for word in line.split("|"))

NONE_WORDS = frozenset({"none", "nil"})
"""Missing in a column of numbers, a category such as `no treatment` in a column of words."""


def word(cell: str) -> str:
    """`cell` in lower case without quotation marks, brackets and a dot at its end, to look it up."""
    text = plain(cell).casefold()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1].strip()
    return text if text in _SIGNS else text.rstrip(".")


def is_missing(cell: str) -> bool:
    """Whether `cell`, in a column of words, means that there is no value."""
    text = word(cell)
    return text in _SURE_WORDS or text in _SIGNS

"""Words for organs, lesions and other structures in names of masks, in several languages.

Each word is a regular expression for a whole word in lower case, without accents; see `structure_names.words_of`.
"""

from __future__ import annotations

import re

MASS = r"mass(es|a|e)?|masas?"
"""A lesion that may be benign."""
LESION = (
    r"\w*(tumou?r|tumeur|lesion|laesion|lasion|metasta|neoplas|carcino|karzinom|krebs|geschwulst|malignan|blastoma)\w*"
    rf"|cancers?|cancro|kanker|uitzaaiing\w*|hepatoma|hccs?|icc|ccc|crlms?|clms?|mets?|{MASS}|lesao|lesoes"
    r"|raumforderung(en)?|(leber|rund)?herde?|(leber)?tu|(liver|hepatic)mets?|(leber)?filiae?|\w*laesies?|i?cca|chc|nodul\w*|i?gtv\w*|\w*sarcoma|lymphoma"
    r"|recurrences?|rezidive?|kasva\w*|svulst\w*|nador|ογκο\w*|guzy?|nowotw\w*|опухол\w*|метаста\w*"
    r"|новообразован\w*|\w*(肿瘤|腫瘤|腫瘍|病灶|病变|癌|转移瘤)\w*"
)
"""A lesion that is counted as tumour. GTV is the gross tumour volume of radiotherapy."""
BENIGN = (
    r"cysts?|zysten?|\w+zysten?|kystes?|quistes?|cistos?|cisti|benign\w*|ha?emangiom\w*|adenom\w*|fnh|abscess\w*|囊肿"
)
"""Part of the organ that is not counted as tumour: it is fluid or benign, and does not show the load of a cancer."""
NEGATED = (
    r"no|none|not|non\w*|without|wo|sans|ohne|kein\w*|sin|senza|zonder|minus|\w*free|\w*frei\w*|excl\w*|except"
    r"|normal|healthy|gesund\w*|negativ\w*"
)
"""A word that denies the lesion beside it."""
EXCLUDED = (
    rf"{NEGATED}|(peri|extra|juxta)\w*|outside|margins?|rim|ring|shell|bed|halo|o?edema"
    r"|thromb\w*|pvtt|ablat\w*|embol\w*|lipiodol|prob\w*|uncertain\w*|heatmap|scores?|dist\w*|bbox|boxe?s?|ctv|ptv"
)
"""A word beside a lesion's that makes it something else: its absence, its surroundings, or not a mask."""
JOINED = r"and|with|und|mit|et|con|plus|incl\w*|or|oder"
"""A name of several structures, such as `liver_and_tumor`."""

ORGANS = {
    "liver": r"livers?|liver(mask|seg|label)s?|(gesamt)?leber|leber(maske|segmentation|parenchym)|hepar|foie"
    r"|higado|fegato|figado|lever|watroba|печень|肝|肝脏|肝臓|肝臟",
    "kidney": r"kidneys?|nieren?|reins?|rinon(es)?|ren|rene|reni|rins?",
    "pancreas": r"pancreas|pankreas|bauchspeicheldruse",
    "spleen": r"spleen|milz|bazo|milza|baco",
    "lung": r"lungs?|lungen?|poumons?|pulmon(es)?",
    "stomach": r"stomach|magen|estomac|estomago",
    "colon": r"colon|rectum|bowel|darm|intestine",
    "prostate": r"prostat[ae]",
    "brain": r"brain|gehirn|cerveau|cerebro",
    "breast": r"breasts?|brust|mamma",
    "heart": r"heart|herz|coeur",
    "organ": r"organs?|parenchym\w*|foreground",
}
"""Organs by name. `organ` is a name for any."""
REGIONS = {
    "liver": r"liver\w*|leber\w*|h?epat\w*|hepar|foie|higado|fegato|figado|lever\w*|watrob\w*|печен\w*|肝\w*"
    r"|hccs?|crlms?|i?cca|chc",
    "kidney": r"[lr]k|kidney\w*|renal\w*|ren[ei]?|nier\w*|reins?|nephr\w*|rinon\w*|rins?",
    "pancreas": r"pan[ck]rea\w*|bauchspeicheldruse\w*",
    "spleen": r"spleen|splen\w*|milza?\w*|bazo|baco",
    "lung": r"lung\w*|pulmo\w*|poumons?|bronch\w*|pleura\w*",
    "stomach": r"stomach|gastr\w*|magen\w*|estomac|estomago",
    "colon": r"colon\w*|rect\w*|bowel|intestin\w*|darm\w*|duoden\w*|sigmo\w*|jejun\w*|ileum",
    "prostate": r"prostat\w*",
    "brain": r"brain|cerebr\w*|gehirn\w*|hirn\w*|cerveau|glio\w*",
    "breast": r"breasts?|mamma\w*|brust\w*",
    "heart": r"hearts?|cardia\w*|herz\w*|coeur|atri\w*|ventric\w*|myocard\w*",
    "": r"[lr]ag|trunk|gall\w*|vesicul\w*|cholecyst\w*|bladder|\w*blase|vessie|vejiga|adrenal\w*|nebenniere\w*"
    r"|su[pr]+arenal\w*|surrenal\w*|uter\w*|ovar\w*|thyr\w*|o?esophag\w*|speiseroh?re|trachea|thymus|bones?|oss\w*|knochen\w*|spin\w*"
    r"|vertebra\w*|ribs?|femur|hips?|sacrum|pelvi\w*|muscle\w*|iliopsoas|fat|adipos\w*|skin|bod(y|ies)|torso|abdom\w*"
    r"|lymph|lymphatic|nodes?|periton\w*|tooth|teeth|eyes?|head|neck|scapula|clavicula|humerus|skull|autochthon|gluteus"
    r"|sternum|cartilages?|cartilago|face|patella|tibia|fibula|tarsal|carpal|ulna|radius|quadriceps|thigh|sartorius|discs?",
}
"""Words that place a structure in an organ; the last are those of other parts of the body."""
STRUCTURE = (
    r"\w*(vessel|gefass)\w*|vascul\w*|veins?|venous|ven[ae]e?|venen?|arter\w*|aorta|arota|postcava|porta\w*|pfortader\w*|cava|ivc"
    r"|svc"
    r"|ducts?|ductus|bile|bilia\w*|\w+gang|segments?|lob(es?|us)|lappen|couinaud|surface|capsule|ligament\w*|diaphragm"
    r"|ascites|fluid|effusion|background|backgrounds|bg|hintergrund|fond|fondo|achtergrond|ignore\w*|void|unlabel\w*"
    r"|remnant|flr|resect\w*|catheter|stent|drain|needle|clips?|ct|cta|pet|mri?|images?|imaging|volume|scan|dose|phase"
    r"|fov|couch|table|hepatic|静脉|动脉|血管|\w*(静脉|动脉|血管)"
)
"""Other structures, and images."""
NEUTRAL = (
    r"mask\w*|segs?|segmentations?|labels?|whole|total|full|entire|complete|gesamt\w*|parenchym\w*|manual|auto"
    r"|automatic|pred|prediction|gt|groundtruth|final|corrected|roi|region|contour|the|left|right|l|r|links|rechts"
    r"|linke|rechte|gauche|droit|nii|binary"
)
"""Words that may accompany the name of an organ. Numbers may not: `liver_0012` is the name of a case."""
UNINFORMATIVE = r"(segments?|labels?|rois?|regions?|structures?|objects?|masks?|segs?|unknown|tissue|class)?\d*"
"""A whole name, without its separators, that says nothing, such as `Segment_1`."""


def matches(word: str, pattern: str) -> bool:
    """Whether a pattern describes the whole word."""
    return re.fullmatch(pattern, word) is not None

"""Columns that can identify a person, by name in seven languages and by content; no dataset stores them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from survembed.datasets.tabular.ids import are_names
from survembed.datasets.tabular.words import word_set, words

MIN_ROWS, MIN_UNIQUE = 8, 0.9
"""Text that differs in nearly every row is an identifier or free text: from this number of known cells, and share."""
MIN_DIGITS = 8
"""Whole numbers of this many digits, different in every row, are numbers of records or telephones."""

_PERSON = word_set(
    "patient patients pat pt pts subject person participant client case first last family given sur full "
    "middle maiden other birth legal preferred nick fore referring physician doctor dr surgeon radiologist "
    "operator reader mother father parent spouse partner guardian kin relative contact emergency next "
    "patientin patientenname paziente paciente patiente pacient de du del della di do da des der van von "
    "familie famille completo complete naissance"
)
_NAME = word_set("name names namen nom noms nombre nombres nome nomi nomes naam")
_ALONE = word_set(
    "surname surnames firstname lastname forename givenname familyname fullname maidenname middlename nickname "
    "initials initialen patientname patname nachname vorname familienname geburtsname rufname patientenname "
    "prenom prenoms apellido apellidos cognome sobrenome apelido achternaam voornaam roepnaam tussenvoegsel "
    "voorletters address addresses addr street strasse adresse anschrift direccion domicilio calle indirizzo "
    "endereco adres straat zip zipcode plz postleitzahl postcode postalcode cep wohnort town village "
    "woonplaats phone phones telephone telefon telefonnummer telefono telefone telefoonnummer cellphone "
    "mobiltelefon handy handynummer movil cellulare celular mobiel fax tel email emailaddress correo courriel "
    "kontakt contacto contatto contato iban passport reisepass mrn ssn medicare medicaid insurance dni nif nie "
    "cpf bsn nir svnr nhs chi patid patnr patno kvnr versichertennummer versicherungsnummer "
    "sozialversicherungsnummer krankenkasse patientennummer patientennr fallnummer accession patientid "
    "patientno patientnumber codicefiscale fiscale dob dobyear birthdate birthday birthyear birthplace "
    "aufnahmenummer aufnahmenr versichertennr versichertennummer fallzahl piz hicn mbi yob birthyr jahrgang kisnummer "
    "kisnr sapnr sapnummer fallnr latitude longitude gps kin "
    "dateofbirth yearofbirth geburtsdatum geburtstag geburtsjahr geburtsort gebdat gebdatum geboortedatum "
    "geboortejaar geboorteplaats fechanacimiento datanascita datanascimento datenaissance ddn"
)
_BIRTH = word_set("birth birthdate geburt geb naissance nacimiento nascita nascimento geboorte")
_BIRTH_PARTS = word_set(
    "date day year month place city country time dt datum tag jahr ort fecha ano lugar data anno luogo local "
    "annee lieu jour jaar plaats of de di do da del du patient pt"
)
_NUMBER = word_set("id no nr num number code numero nummer n ident identifier pid")
_NUMBERED = word_set(
    "patient patients pat pt medical record hospital chart accession national social health nhs insurance "
    "mobile cell phone license licence passport account security member civil identity secu securite seguridad "
    "seguro sanitaria historia dossier cartella fiscal file fall akte kis "
    "sap aufnahme versicherten insured beneficiary"
)
_PHRASES = re.compile(
    r"(medical_record|social_security|health_insurance|securite_sociale|seguridad_social|code_postal|codigo_postal|"
    r"postal_code|post_code|postal|codice_postale|zip_code|codice_fiscale|historia_clinica|home_address|e_mail|ip_address)"
    r"(_.*)?|(.*_)?(e_mail|e_mail_address)|(emergency_|patient_|primary_)?contact(_(person|details|info|number|no|nr))?|"
    r"(home_)?city|(patient_)?(city|county|municipality|ville|ciudad|citta|cidade|stad|ort)"
)
_STAFF = word_set(
    "physician physicians doctor surgeon radiologist oncologist pathologist operator operators nurse technician "
    "technologist clinician consultant attending reader referrer reviewer annotator "
    "arzt aerztin arztin hausarzt radiologe radiologin chirurg chirurgin onkologe onkologin pathologe pathologin "
    "operateur operateurin zuweiser uberweiser ueberweiser behandler untersucher befunder "
    "medecin radiologue chirurgien chirurgienne oncologue pathologiste infirmier infirmiere "
    "medico medica radiologo radiologa cirujano cirujana oncologo oncologa patologo enfermero enfermera operador "
    "operadora chirurgo operatore infermiere cirurgiao radiologista enfermeiro "
    "arts huisarts radioloog oncoloog patholoog verwijzer verpleegkundige operateurs"
)
_STAFF_PARTS = (
    word_set(
        "treating referring attending primary responsible operating performing reporting reviewing requesting ordering "
        "interpreting assisting behandelnder behandelnde behandelnd behandelend verwijzend zuweisender "
        "uberweisender befundender traitant traitante referent referente tratante curante inviante solicitante "
        "responsable responsabile prescripteur by id code"
    )
    | _PERSON
    | _NAME
)
_REFERRING = ("referring", "treating", "attending", "performing", "reporting", "behandelnder", "zuweisender")
_ADDRESS = ("address", "adresse", "anschrift")
_DONE_BY = re.compile(
    r"(reported|read|operated|performed|reviewed|referred|requested|annotated|segmented|treated|signed|dictated)_by"
)
_PLACE = word_set(
    "city town village stadt gemeinde commune ville ciudad municipio localidad comune citta municipality gemeente "
    "stad plaats cidade residence residencia residenza wohnsitz domicile domicilio county"
)
_PLACE_PARTS = word_set(
    "home of de la le du di do da in name nom nombre nome birth lugar lieu luogo place hospital clinic klinik clinica "
    "hopital ospedale ziekenhuis patient patients"
)
_PATTERNS = (
    re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),  # e-mail
    re.compile(r"(\d+\.){3,}\d+"),  # DICOM UID, IP address
    re.compile(r"\d{3}-\d{2}-\d{4}"),  # US social security
    re.compile(r"(\+|00)\d[\d\s()/.-]{6,}|\(?0?\d{2,5}\)?[\s/-]\d[\d\s-]{4,}\d"),  # telephone
    re.compile(r"[^\W\d_][\w'-]+, ?[^\W\d_][\w'. -]*|[^\W\d_][\w'-]+\^[^\W\d_].*"),  # Roe, Jane; ROE^JANE
)
_DATE_LIKE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}-\d{1,2}-\d{2,4}")


def names_person(name: str) -> bool:
    """Whether a column can identify a person by its name: names, birth, address, contact, numbers of records.

    `Geburtsdatum`, `Pat_Name_Last`, `zip_code` can; `birth_weight`, `drug_name` and `hospital_stay_days` cannot.
    """
    found = words(name)
    parts = set(found)
    if not parts or ("last" in parts and parts & {"contact", "contacto", "kontakt"} and not parts & {"name", "names"}):
        return False
    if parts & _ALONE or found in (("mobile",), ("mail",)) or "".join(found) in _ALONE:
        return True
    if parts & _NAME and parts <= _NAME | _PERSON | _NUMBER | {"s"}:
        return True
    if parts & _STAFF and parts <= _STAFF | _STAFF_PARTS:
        return True
    if parts & _PLACE and parts <= _PLACE | _PLACE_PARTS:
        return True
    joined = "".join(found)
    if joined.endswith(_ADDRESS) or any(joined == f"{role}{name}" for role in _REFERRING for name in _STAFF):
        return True
    if _DONE_BY.fullmatch("_".join(found)):
        return True
    if parts & _BIRTH and parts <= _BIRTH | _BIRTH_PARTS:
        return True
    if parts & _NUMBERED and parts & _NUMBER and parts <= _NUMBERED | _NUMBER | _PERSON:
        return True
    return _PHRASES.fullmatch("_".join(found)) is not None


def holds_persons(contents: Sequence[str]) -> bool:
    """Whether the contents of a column ("" where missing) can identify persons.

    True if most are e-mail addresses, telephone or social-security numbers, or `Surname, First name`; if they are text
    that differs in nearly every row; or if they are different whole numbers of 8 digits or more.
    """
    known = [content for content in contents if content]
    if len(known) < 2:
        return False
    matching = sum(any(pattern.fullmatch(each) for pattern in _PATTERNS) for each in known)
    dates = sum(_DATE_LIKE.fullmatch(each) is not None for each in known)
    distinct = len(set(known))
    if 2 * (matching - dates) > len(known) and 2 * distinct > len(known):
        return True
    if len(known) < MIN_ROWS or distinct < MIN_UNIQUE * len(known):
        return False
    if all(re.fullmatch(r"\d+", each) for each in known):
        return all(len(each) == len(known[0]) >= MIN_DIGITS for each in known) and distinct == len(known)
    texts = sum(_is_text(each) for each in known)
    return 2 * texts > len(known) or are_names(known)


def _is_text(content: str) -> bool:
    """Whether a content has a letter and is no number, also not with a unit, a percent sign or a bound (`<0.5`)."""
    return re.search(r"[^\W\d_]", content) is not None and not re.fullmatch(
        r"[<>≤≥~=]*\s*[-+]?[\d.,]+([eE][-+]?\d+)?\s*(%|[^\W\d_]{1,5}(/[^\W\d_]{1,3})?)?", content
    )

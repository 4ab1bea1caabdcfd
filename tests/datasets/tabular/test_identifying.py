"""Columns that can identify a person, by name in seven languages and by content."""

from __future__ import annotations

import pytest

from survembed.datasets.tabular.identifying import holds_persons, names_person
from survembed.datasets.tabular.ids import are_names


@pytest.mark.parametrize(
    "name",
    [
        *("name", "Patient's Name", "PatientName", "Pat_Name_Last", "Surname", "first name", "Initials", "FullName"),
        *("DOB", "DOB_year", "Date of birth", "birthdate", "PatientBirthDate", "patient_dob", "year_of_birth"),
        *(
            "MRN",
            "Medical Record Number",
            "record_no",
            "PatientID",
            "AccessionNumber",
            "SSN",
            "NHS number",
            "passport_no",
        ),
        *("E-Mail", "Phone", "mobile_number", "patient address", "ZIP code", "contact", "emergency_contact", "city"),
        *("Vorname", "Nachname", "Geburtsdatum", "Geb.-Datum", "Straße", "PLZ", "Telefonnummer", "Patientennummer"),
        *("nom", "prénom", "date_de_naissance", "adresse", "code postal", "nom_de_famille", "numero_secu"),
        *("apellidos", "nombre", "fecha_nacimiento", "dirección", "teléfono", "DNI"),
        *("cognome", "nome", "data_di_nascita", "codice fiscale", "indirizzo"),
        *("KIS-Nummer", "Pat_ID_KIS", "SAP-Nr", "Aufnahmenummer", "Versichertennr", "PIZ", "HICN", "yob", "Jahrgang"),
        *("latitude", "Fallnr.", "Hausarzt", "surgeon", "treating physician", "next_of_kin"),
        *("sobrenome", "data de nascimento", "endereço", "CPF", "achternaam", "voornaam", "geboortedatum", "BSN"),
    ],
)
def test_names_that_identify(name: str) -> None:
    assert names_person(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "age",
            "sex",
            "hospital",
            "record",
            "tumour_number",
            "birth_weight",
            "drug_name",
            "hospital_stay_days",
            "center",
        ),
        *("surgeon_volume", "operator_experience_years", "physician_global_score"),
        *(
            "last_contact",
            "n_lesions",
            "gene_name",
            "live_births",
            "postop",
            "number_of_nodes",
            "protocol_name",
            "capacity",
        ),
    ],
)
def test_names_that_only_sound_like_it(name: str) -> None:
    assert not names_person(name)


@pytest.mark.parametrize(
    "contents",
    [
        [f"patient{row}@clinic.org" for row in range(4)],
        [f"+49 761 27{row:04d}" for row in range(4)],
        [f"555-01-{row:04d}" for row in range(4)],
        [f"1.2.840.113619.2.{row}" for row in range(4)],
        ["Roe, Jane", "Doe, John", "Müller, Zoë"],
        ["ROE^JANE", "DOE^JOHN", "POE^ANN"],
        [f"seen by nurse {row}, sleeps badly" for row in range(9)],
        [f"{70000000 + 37 * row}" for row in range(9)],
    ],
)
def test_contents_that_identify(contents: list[str]) -> None:
    assert holds_persons(contents)
    assert holds_persons([*contents, ""])


@pytest.mark.parametrize(
    "contents",
    [
        [f"{row / 7:.4f}" for row in range(40)],
        [str(row * 1000) for row in range(40)],
        ["T1", "T2", "T3", "T4"] * 5,
        [f"<{row}" for row in range(1, 20)],
        [f"{row} mm" for row in range(20)],
        [f"{row},5 %" for row in range(20)],
        ["Freiburg, Germany", "Basel, Switzerland"] * 20,
        ["", "", ""],
    ],
)
def test_contents_of_measurements_and_categories(contents: list[str]) -> None:
    assert not holds_persons(contents)


def test_names_of_people() -> None:
    assert are_names(["Roe, Jane", "Jane Roe", "ROE^JANE", "O'Neil J."])
    assert are_names(["Roe", "Doe", "Poe", "p4"])
    assert not are_names(["P001", "P002", "case_3", "a", "b", "CRLM-CT-1"])
    assert not are_names([""])


@pytest.mark.parametrize(
    "name",
    [
        *("referring_physician", "ReferringPhysicianName", "radiologist", "OperatorsName", "reported_by", "attending"),
        *(
            "Behandelnder Arzt",
            "Überweiser",
            "Radiologin",
            "Untersucher",
            "médecin traitant",
            "radiologue",
            "opérateur",
        ),
        *("médico tratante", "radiólogo", "cirujano", "medico curante", "chirurgo", "behandelend arts", "radioloog"),
        *("hospital_address", "Krankenhausadresse", "adresse_hopital", "hospital_city", "city_of_residence", "Wohnort"),
        *("commune", "municipio", "comune", "gemeente", "localidad", "home_town", "lugar_de_residencia"),
    ],
)
def test_staff_and_places_of_several_languages_are_left_out(name: str) -> None:
    assert names_person(name)


@pytest.mark.parametrize(
    "name",
    [
        *("tumour_location", "place_of_tumour", "primary_site", "residence_time_h", "reader_score", "operator_count"),
        *("operation", "surgery_type", "treating_center", "hospital", "CenterID", "attending_visits", "city_distance"),
    ],
)
def test_what_only_resembles_staff_and_places_is_kept(name: str) -> None:
    assert not names_person(name)

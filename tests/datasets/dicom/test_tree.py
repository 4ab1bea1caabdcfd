"""Trees of DICOM files: subjects by PatientID, and no other data of patients in any output."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survembed.datasets import Liver
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.workflows.check import check, write_check_page
from tests.datasets.cases import is_made_or_refused
from tests.datasets.dicoms import (
    LIMIT,
    ORGAN,
    SECRETS,
    TUMOUR,
    masks,
    pydicom,
    stored,
    write_seg,
    write_series,
    write_study,
)
from tests.datasets.preparing import prepared


def test_tree_is_read_by_modality_whatever_folders_are_called(tmp_path: Path) -> None:
    root = write_study(tmp_path)
    other = write_series(root / "SEG" / "liver", stored(9), "P1")  # a second phase, not segmented
    series = pydicom.dcmread(root / "x" / "1" / "a" / "000.dcm").SeriesInstanceUID
    scout = ["ORIGINAL", "PRIMARY", "LOCALIZER"]  # of the very series that is segmented
    write_series(root / "CT", stored(8)[:1], "P2", ImageType=scout, SeriesInstanceUID=series)
    write_series(root / "CT-like", stored(7), "P3", Modality="MR")
    (root / "LICENSE").write_text("x" * 200)
    (root / ".hidden.dcm").write_bytes(other[0].read_bytes())
    layout = find_cases(root)
    assert layout.name == "DICOM"
    assert layout.problems == ()
    assert [case.id for case in layout.cases] == ["P1", "P2", "P3"]
    for number, case in enumerate(layout.cases):
        assert {path.parent for path in case.files} == {root / "x" / f"{number}" / room for room in ("a", "b")}


def test_what_makes_no_case_is_named(tmp_path: Path) -> None:
    root = write_study(tmp_path, ("good",))
    write_series(root / "1", stored(1), "no-seg")
    lost = write_series(root / "2", stored(2), "no-ct")
    write_seg(root / "2" / "seg.dcm", lost, masks())
    for path in lost:
        path.unlink()
    for phase in ("3", "4"):
        write_seg(root / phase / "s.dcm", write_series(root / phase, stored(3), "two"), masks())
    write_series(root / "5", stored(5), "")
    broken = write_series(root / "6", stored(6), "broken")
    broken[0].write_bytes(broken[0].read_bytes()[:180])
    layout = find_cases(root)
    assert [case.id for case in layout.cases] == ["good"]
    reasons = "\n".join(problem.message for problem in layout.problems)
    for reason in (
        "no-seg: a CT without its segmentation",
        "no-ct: a segmentation whose CT series is not there",
        "two: segmentations of 2 CT series",
        "1 CT series without a PatientID",
    ):
        assert reason in reasons


def test_segmentation_that_names_no_series_is_matched_by_its_space(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "ct", stored())
    path = write_seg(tmp_path / "seg.dcm", slices, masks())
    seg = pydicom.dcmread(path)
    del seg.ReferencedSeriesSequence
    seg.save_as(path)
    write_series(tmp_path / "other", stored(1))
    layout = find_cases(tmp_path)
    assert [len(case.files) for case in layout.cases] == [11]


def test_nothing_of_a_patient_but_the_id_is_stored(tmp_path: Path) -> None:
    root = write_study(tmp_path / "study")
    options = Liver(root=root, size=(16, 16, 16), fov_mm=(60, 60, 60))
    with prepared(options.build(), tmp_path / "out") as cohort:
        assert cohort.subjects.id.tolist() == ["P1", "P2", "P3"]
        assert cohort.subjects.event.tolist() == [False, True, False]
    found = check(options, "liver")
    write_check_page(found, tmp_path / "out" / "page.html")
    (tmp_path / "out" / "check.json").write_text(str(found.to_dict()))
    header = pydicom.dcmread(root / "x" / "0" / "a" / "000.dcm")
    uids = [header.SOPInstanceUID, header.SeriesInstanceUID, header.StudyInstanceUID, header.FrameOfReferenceUID]
    stored_files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(stored_files) >= 4
    for path in stored_files:
        content = path.read_bytes()
        for secret in (*SECRETS, *map(str, uids)):
            assert secret.encode() not in content, f"{secret} in {path.name}"


def test_bad_cases_of_a_tree_name_no_paths_in_what_is_stored(tmp_path: Path) -> None:
    root = write_study(tmp_path / "study", ("P1", "P2", "P3", "P4"))
    (root / "x" / "1" / "a" / "007.dcm").unlink()
    options = Liver(root=root, size=(16, 16, 16), fov_mm=(60, 60, 60), skip_bad=True)
    with prepared(options.build(), tmp_path / "out") as cohort:
        assert cohort.subjects.id.tolist() == ["P1", "P3", "P4"]
        assert any("P2: a CT series has a gap" in note for note in cohort.header.notes)
        assert not any(".dcm" in note or "/" in note for note in cohort.header.notes)
    found = check(options, "liver")
    bad = next(case for case in found.cases if case.problem)
    assert bad.id == "P2"
    assert bad.problem is not None
    assert bad.problem.where is None


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("sound"), ("P1",))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_only_our_own_errors_come_of_damaged_files(sound: Path, tmp_path: Path, data: st.DataObject) -> None:
    victim = data.draw(st.sampled_from(["a/000.dcm", "b/1.dcm"]))
    content = bytearray((sound / "x" / "0" / victim).read_bytes())
    head = min(len(content), 4000)
    for at, value in data.draw(st.lists(st.tuples(st.integers(132, head - 1), st.integers(0, 255)), max_size=8)):
        content[at] = value
    content = content[: data.draw(st.integers(140, len(content)))]
    root = tmp_path / "study"
    for path in (sound / "x" / "0").rglob("*.dcm"):
        copy = root / path.relative_to(sound / "x" / "0")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(bytes(content) if str(path).endswith(victim) else path.read_bytes())
    preprocessing = Preprocessing((8, 8, 8), (60.0, 60.0, 60.0), (-150.0, 250.0), (), (2,), LIMIT, ORGAN, TUMOUR)
    for case in find_cases(root).cases:
        assert is_made_or_refused(case, preprocessing)

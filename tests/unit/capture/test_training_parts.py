import pytest

from trimtab.capture.reference import InvalidReferenceError
from trimtab.capture.training_parts import parts_of_folder, training_format

FOLDER = "s3://b/_work/.x/train/"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("s3://b/a.b/part-00000-7c1e.c000.csv", "CSV"),
        ("TRAIN.CSV.GZ", "CSV"),
        ("part-0.snappy.parquet", "Parquet"),
        ("part-0.json", "JSON Lines"),
        ("a.jsonl.gz", None),
        ("a.tsv", None),
        ("s3://b.csv/part-00000", None),
    ],
)
def test_the_format_is_told_by_the_ending(name, form):
    assert training_format(name) == form


def parts(*names):
    found = parts_of_folder(FOLDER, [FOLDER + name for name in names])
    return [name.removeprefix(FOLDER) for name in found]


def test_what_is_hidden_below_the_folder_is_no_part_of_it():
    hidden = (
        "",
        "_SUCCESS",
        "_temporary/0/c.csv",
        ".a.csv.crc",
        "day=1/",
        "day=1_$folder$",
        ".ipynb_checkpoints/a.csv",
    )
    assert parts("a.csv", *hidden, "day=1/b.csv.gz") == ["a.csv", "day=1/b.csv.gz"]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ((), "s3://b/_work/.x/train/: there is no file of training data under it"),
        (("_SUCCESS",), "there is no file of training data under it"),
        (("a.csv", "b.parquet"), "b.parquet: of another format than s3://b/_work/.x/train/a.csv"),
        (("a.csv", "part-0001"), "part-0001: of another format than"),
        (("_delta_log/0.json", "a.parquet"), "files of a Delta table hold deleted rows too"),
    ],
)
def test_a_folder_that_is_no_table_is_refused(names, problem):
    with pytest.raises(InvalidReferenceError, match="train/") as refusal:
        parts(*names)
    assert problem in str(refusal.value)

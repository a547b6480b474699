"""Names that become files of a Git repository."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpipeline.core.filenames import LONGEST_PATH, acts, escaped, fault, is_unfit_for_windows


def unescaped(path: str) -> str:
    return re.sub(r"_x([0-9A-F]{4})_", lambda match: chr(int(match[1], 16)), path)


@pytest.mark.parametrize(
    "name",
    [
        *(".git", ".GIT", ".Git", "git~1", "GIT~1", ".git.", ".git ", ".git . .", "git~1 ", ".git:x"),
        *(
            ".git::$INDEX_ALLOCATION",
            ".g\u200cit",
            "\ufeff.git",
            ".git\u202e",
            ".GI\u206fT",
            "x\\.git",
            ".git\\x",
            "x\\GIT~1",
        ),
    ],
)
@pytest.mark.parametrize("place", ["{}", "a/{}", "{}/config", "a/{}/b"])
def test_what_git_keeps_for_itself_is_no_file(name: str, place: str) -> None:
    assert fault(place.format(name)) == "is a name that Git keeps for itself"


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "/", "/a", "a/", "a//b", "a/./b", "../a", "a/..", "a/../../b", "..\\a", "a\\..\\b", "\\a"),
        *("\\\\server\\a", "a\\", "C:/a", "c:a"),
    ],
)
def test_what_leaves_its_folder_is_no_file(path: str) -> None:
    assert fault(path) == "is no path that stays in its folder"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a\0b", "NUL"),
        ("a" * 256, "255 bytes"),
        ("語" * 86, "255 bytes"),
        ("a" * 255 + "/x" * 400, f"{LONGEST_PATH} bytes"),
    ],
)
def test_what_no_file_system_holds_is_no_file(path: str, reason: str) -> None:
    assert reason in fault(path)


@pytest.mark.parametrize(
    "path",
    [
        *("a", "a/b", "...", "..a", "a..", ".gitkeep", ".github/x", "git~2", ".git_", "x.git", ".metrics/.keep"),
        *("a" * 255, "語" * 85, "metrics/a:b", "a\\b", "größe", "👩\u200d💻.png", "a b", "val/AR@100"),
    ],
)
def test_other_paths_are_files(path: str) -> None:
    assert fault(path) == ""


@pytest.mark.parametrize(
    "name",
    [
        *(".gitattributes", ".gitignore", ".gitmodules", ".mailmap", ".lfsconfig", ".GitModules", ".gitmodules ."),
        *(".gitignore:x", "GITMOD~1", "gitatt~4", "gi7eba~1", "gi7e~123", "~1234567", "maba30~9", ".git\u200cignore"),
    ],
)
def test_what_git_acts_on_is_escaped(name: str) -> None:
    assert acts(f"a/{name}")
    assert not acts(escaped(f"a/{name}/b"))
    assert unescaped(escaped(name)) == name


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        (".gitattributes", "_x002E_gitattributes"),
        ("CON", "_x0043_ON"),
        ("nul.tar.gz", "_x006E_ul.tar.gz"),
        ("com1", "_x0063_om1"),
        ("LPT³.log", "_x004C_PT³.log"),
        ("aux .x", "_x0061_ux .x"),
        ("end.", "end_x002E_"),
        ("end ", "end_x0020_"),
        ("...", ".._x002E_"),
        ("a\tb\n", "a_x0009_b_x000A_"),
        ("a\x7f\x85", "a_x007F__x0085_"),
        ("invoice\u202efdp.exe", "invoice_x202E_fdp.exe"),
        ("a\u2066b", "a_x2066_b"),
        ("a\\b", "a_x005C_b"),
        ("caf\udce9", "caf_xDCE9_"),
    ],
)
def test_what_systems_take_for_another_is_escaped(name: str, stored: str) -> None:
    assert escaped(f"a/{name}/b") == f"a/{stored}/b"
    assert unescaped(stored) == name


@pytest.mark.parametrize(
    "path", ["val_rmse", "console", "com10", "a.b", "größe", ".hidden", "a:b", "a?", "👩\u200d💻", "_x002E_a", "gitmod"]
)
def test_other_names_stay(path: str) -> None:
    assert escaped(path) == path
    assert not acts(path)


def test_characters_that_windows_refuses_are_known() -> None:
    assert all(map(is_unfit_for_windows, '<>:"|?*'))
    assert not is_unfit_for_windows(string.ascii_letters + string.digits + "-_. /")


SPECIAL = [
    ".",
    " ",
    "\\",
    "/",
    ":",
    "~",
    "1",
    "\u200c",
    "\u202e",
    "\n",
    "\0",
    "\udcff",
    ".git",
    "git",
    "modules",
    "ignore",
    "CON",
    "_",
]
NAMES = st.lists(st.sampled_from(SPECIAL) | st.text(max_size=3), max_size=6).map("".join)


@given(NAMES)
def test_an_escaped_name_is_safe_and_comes_back(name: str) -> None:
    stored = escaped(name)

    assert escaped(stored) == stored
    assert not acts(stored)
    assert "_x" in name or unescaped(stored) == name
    if not fault(stored):
        assert not re.search(r"[\x00-\x1f\\\u202e]|[. ](?:/|\Z)|(?i:(?:^|/)con(?:\.|/|\Z))", stored)
        stored.encode()

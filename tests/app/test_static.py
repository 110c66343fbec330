"""The page's script and style: modules that fit together, text that never becomes markup, no other host."""

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "app" / "web"
MODULES = sorted((WEB / "static").glob("*.js"))
IMPORT = re.compile(r'^import (?:\{([^}]*)\}|\* as (\w+)) from "\./(\w+\.js)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_import_is_exported_there_and_used_here(module: Path) -> None:
    text = module.read_text()
    rest = IMPORT.sub("", text)
    assert "import " not in re.sub(r"//.*", "", rest)
    for names, alias, other in IMPORT.findall(text):
        exported = EXPORT.findall((WEB / "static" / other).read_text())
        for name in filter(None, map(str.strip, names.split(","))):
            assert name in exported, f"{other} has no {name}"
            assert re.search(rf"\b{name}\b", rest), f"{name} is not used"
        assert not alias or f"{alias}." in rest


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_module_turns_text_into_markup_or_asks_another_host(module: Path) -> None:
    text = module.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
    assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}  # the name space of SVG
    assert len(text.splitlines()) <= 400


@pytest.mark.parametrize("file", sorted([*WEB.glob("*.html"), *(WEB / "static").glob("*.css")]), ids=lambda p: p.name)
def test_shells_and_styles_name_no_host_and_hold_no_value(file: Path) -> None:
    text = file.read_text()
    assert not re.search(r"https?://|\$\{|\{\{|@import", text)


def test_every_class_that_the_script_looks_for_stands_in_a_shell_or_is_made() -> None:
    shells = "".join(path.read_text() for path in WEB.glob("*.html"))
    script = "".join(path.read_text() for path in MODULES)
    sought = set(re.findall(r'find\("\.(cm-[\w-]+)"\)', script))
    made = set(re.findall(r'class: [`"]([^`"]*)', script))
    known = set(re.findall(r"cm-[\w-]+", shells)) | {name for names in made for name in names.split()}
    assert sought <= known

"""The code digest: what changes it and what does not, on a small package and on the project."""

from __future__ import annotations

import ast
import importlib
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from project import SRC

from spikesound.core import source
from spikesound.core.source import code_digest
from spikesound.models.networks import NETWORKS
from spikesound.snn.neurons import NEURONS
from spikesound.training.methods import METHODS

Change = Callable[[str, str, str], None]

CACHED = (source._file, source._tree, source._code, source._imports, source._definer)

SPIKING = (METHODS["surrogate"], NETWORKS["cnn"], NEURONS["lif"])
CONVENTIONAL = (METHODS["backprop"], NETWORKS["cnn"], NEURONS["relu"])


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Change]:
    """Replace text in a copy of the project's source, of which digests are then taken."""
    shutil.copytree(SRC, tmp_path / "src", ignore=shutil.ignore_patterns("*.pyc", "*.nb?"))

    def forget() -> None:
        for function in CACHED:
            function.cache_clear()

    def replace(module: str, old: str, new: str) -> None:
        file = source._file(module)
        assert file is not None
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{module} no longer says {old!r}"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        forget()

    monkeypatch.setattr(source, "LIBRARY", tmp_path / "src")
    forget()
    yield replace
    forget()


@pytest.mark.slow
def test_docstrings_comments_and_layout_do_not_count(change: Change) -> None:
    before = code_digest(SPIKING)
    loop = "spikesound.training.loop"
    change(loop, '"""The training loop of all networks', '"""Another docstring of all networks')
    change(loop, '    """Train the network of the job', '    """Teach the network of the job')
    change(loop, "def train_backprop", "# a comment\ndef train_backprop")
    change(
        loop,
        "    return train(build(job.spec), job)",
        "    return train(\n        build(job.spec), job\n    )",
    )
    assert code_digest(SPIKING) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("spikesound.training.loop", "total += loss * len(rows)", "total += loss"),
        ("spikesound.training.augment", "size - width + 1", "size - width"),
        ("spikesound.models.networks.layout", "steps: int = 1", "steps: int = 2"),
    ],
)
def test_a_changed_constant_anywhere_below_counts(
    module: str, old: str, new: str, change: Change
) -> None:
    before = code_digest(SPIKING), code_digest(CONVENTIONAL)
    change(module, old, new)
    after = code_digest(SPIKING), code_digest(CONVENTIONAL)
    assert after[0] != before[0]
    assert after[1] != before[1]


@pytest.mark.slow
def test_another_method_does_not_count(change: Change) -> None:
    others = [METHODS[name] for name in ("stdp", "som", "memristor")]
    before = code_digest(SPIKING), code_digest(CONVENTIONAL), code_digest(others)
    change("spikesound.training.methods.stdp", "IMPRINT = 0.9", "IMPRINT = 0.8")
    after = code_digest(SPIKING), code_digest(CONVENTIONAL), code_digest(others)
    assert after[:2] == before[:2]
    assert after[2] != before[2]


@pytest.mark.slow
def test_a_kernel_counts_for_spiking_networks_alone(change: Change) -> None:
    before = code_digest(SPIKING), code_digest(CONVENTIONAL)
    kernel = SRC / "spikesound/snn/kernels/rule.py"
    first = next(line for line in kernel.read_text().splitlines() if line.startswith("def "))
    change("spikesound.snn.kernels.rule", first, f"CHANGED = 1\n\n\n{first}")
    after = code_digest(SPIKING), code_digest(CONVENTIONAL)
    assert after[0] != before[0]
    assert after[1] == before[1]


@pytest.mark.slow
def test_values_of_parameters_are_tracked_elsewhere(change: Change) -> None:
    before = code_digest(SPIKING)
    change("spikesound.params.neurons", "IZHIKEVICH_LIMIT_MS = 0.5", "IZHIKEVICH_LIMIT_MS = 0.4")
    change("spikesound.core.seeds", "def derive", "CHANGED = 1\n\n\ndef derive")
    assert code_digest(SPIKING) == before


def test_partials_names_and_functions_of_a_module_are_alike() -> None:
    module = importlib.import_module("spikesound.training.loop")
    digests = {
        code_digest(["spikesound.training.loop"]),
        code_digest([module.train]),
        code_digest([partial(partial(module.train), keep_last=True)]),
        code_digest([module.train, module.validate]),
    }
    assert len(digests) == 1


SCRIPT = '''"""A stage."""
import paths
import shared
from spikesound.core import schema
from spikesound.models.layers import Layer
from spikesound.report.page import SCRIPTS


def main():
    from spikesound.snn.encoding import ENCODINGS
'''


def lines(text: str) -> dict[str, str]:
    return dict(line.split() for line in text.splitlines())


@pytest.mark.slow
def test_a_listing_has_the_script_its_siblings_registries_whole_and_files(
    tmp_path: Path, change: Change
) -> None:
    script, shared = tmp_path / "stage.py", tmp_path / "shared.py"
    script.write_text(SCRIPT.replace("import shared", "from shared import one"))
    shared.write_text("from spikesound.costs.layer import read_layers\n")
    before = lines(source.listing(script, ["shared", "unused"]))
    assert {"stage", "shared", "spikesound.costs.layer"} <= set(before)
    assert "spikesound.snn.encoding.rate" in before, "an entry of the registry"
    report = "spikesound/report"
    shipped = {f"{report}/page.css", f"{report}/vendor/plotly-basic.min.js"}
    assert shipped <= set(before), "what a package ships beside code"
    assert not [name for name in before if name.endswith(".c")], "of a package that is not reached"
    assert not [name for name in before if name.startswith(("spikesound.core", "spikesound.tr"))]

    change("spikesound.snn.encoding.rate", '"""', '"""Another docstring. ')
    assert lines(source.listing(script, ["shared"])) == before
    change("spikesound.snn.encoding.rate", "def ", "CHANGED = 1\n\n\ndef ")
    shared.write_text(shared.read_text() + "CHANGED = 1\n")
    after = lines(source.listing(script, ["shared"]))
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"shared", "spikesound.snn.encoding.rate"}


def test_the_text_of_code_is_that_of_any_python() -> None:
    """What 3.12 adds to trees, and 3.13 leaves out, is no change of code."""
    code = (
        "@cached\ndef f(a, *b):\n    'Doc.'\n    return f'{a:<{b}}'\n\n\nclass C(B):\n    x: int\n"
    )
    assert source._plain(ast.parse(code)) == (
        "Module(body=[FunctionDef(name='f', args=arguments(posonlyargs=[], args=[arg(arg='a')], "
        "vararg=arg(arg='b'), kwonlyargs=[], kw_defaults=[], defaults=[]), body=[Return(value="
        "JoinedStr(values=[FormattedValue(value=Name(id='a', ctx=Load()), conversion=-1, "
        "format_spec=JoinedStr(values=[Constant(value='<'), FormattedValue(value=Name(id='b', "
        "ctx=Load()), conversion=-1)]))]))], decorator_list=[Name(id='cached', ctx=Load())]), "
        "ClassDef(name='C', bases=[Name(id='B', ctx=Load())], keywords=[], body=[AnnAssign("
        "target=Name(id='x', ctx=Store()), annotation=Name(id='int', ctx=Load()), simple=1)], "
        "decorator_list=[])], type_ignores=[])"
    )

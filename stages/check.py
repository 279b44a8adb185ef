"""Check every value of params.yaml, and write the files that tell other stages of a change.

- ``<stage>/<instance>.yaml`` is all that an instance depends on, beside its data: the parameters
  that it reads (``reads.py``) and the digest of its script's code. DVC compares a small file at
  once; it parses params.yaml, and copies values into dvc.lock, for each stage that lists such.
- ``code/<stage>.txt``, for people: the modules that a stage's script reaches, each with the digest
  of its code; a comment or a docstring does not change it.

All other stages wait for this one.
"""

from collections import defaultdict
from hashlib import sha256
from pathlib import Path

import yaml

import paths
from reads import OF_MODEL, OF_TASK, instances
from spikesound.core.digests import digests
from spikesound.core.errors import run
from spikesound.core.names import check_names
from spikesound.core.source import listing
from spikesound.params import CodeParams, Params
from spikesound.params.base import read_sections, selected
from spikesound.params.committed import changes_note

BESIDE = ("places",)
"""Modules that stages share; ``paths`` and ``reads`` compute nothing."""


def main() -> None:
    params = Params.load(paths.PARAMS)
    params.of_task(params.task)
    check_names(paths.DATA / params.source)
    content = read_sections(paths.PARAMS)
    code, beside = {}, notes(params)
    for script in sorted(Path(__file__).parent.glob("*.py")):
        if script.stem not in (*BESIDE, "paths", "reads"):
            code[script.stem] = listing(script, BESIDE)
            write(f"code/{script.stem}.txt", code[script.stem])
    for name, keys in instances(content).items():
        values = yaml.safe_dump(selected(content, keys), sort_keys=False) if keys else ""
        digest = sha256(code[name.partition("/")[0]].encode()).hexdigest()[:16]
        write(f"{name}.yaml", f"# code: {digest}\n{beside.get(name, '')}{values}")
    print(f"every value of {paths.PARAMS} is good: {paths.CHECKED}")
    if note := changes_note(paths.PARAMS):
        print(note)


def notes(params: Params) -> dict[str, str]:
    """Return comments with the digests of what else models depend on, by instance.

    That is the code of networks of one's own, and the recordings of no class in training.
    """
    found: defaultdict[str, str] = defaultdict(str)
    of_model = [stage for stage, keys in OF_MODEL.items() if "{model}" in keys]
    of_table = [stage for stage, keys in OF_TASK.items() if "{table}" in keys]
    for name, model in params.table().items():
        if isinstance(network := model.network_params, CodeParams):
            if not network.code.startswith(f"{paths.NETWORKS}/"):
                print(f"{name}: DVC sees no change of {network.code}: not in {paths.NETWORKS}/")
            reading = [f"{stage}/{name}" for stage in of_model]
            for instance in reading + [f"{stage}/{model.task}" for stage in of_table]:
                found[instance] += f"# {network.code}: {network.sha256}\n"
        for folder in model.recipe.negatives.folders if model.recipe.negatives else ():
            for stage in of_model:
                found[f"{stage}/{name}"] += digests(Path(folder))
    return found


def write(name: str, text: str) -> None:
    file = paths.CHECKED / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)

"""The wheel carries the pipeline beside the library, for `spikesound train`."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "src/spikesound/apps/cli"))
import workspace  # noqa: E402


class BuildWithPipeline(build_py):
    """Copies the pipeline's files into the package, where a checkout is not used as it is."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for pattern in (str(workspace.PARAMS), *workspace.PIPELINE):
            for file in sorted(ROOT.glob(pattern)):
                target = Path(self.build_lib, "spikesound/pipeline", file.relative_to(ROOT))
                self.mkpath(str(target.parent))
                self.copy_file(str(file), str(target))


setup(cmdclass={"build_py": BuildWithPipeline})

"""Recognise tones of a neuromorphic cochlea, at every SNR, by networks trained by histograms."""

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    Params.load(paths.PARAMS)  # as every stage: a wrong value is said before any work
    from spikesound.core.json_files import write_json
    from spikesound.experiments.tones import read_recordings, tone_rows

    out = paths.METRICS / "experiments" / "tones.json"
    content = tone_rows(read_recordings(paths.TONES))
    write_json(out, content)
    for name, row in content["settings"].items():
        print(f"{name}: {row['from_3_db']:.1%} at 3 dB and above, {row['clean']:.1%} without noise")
    print(f"{content['recordings']} recordings: {out}")


run(main)

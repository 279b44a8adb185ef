"""The technologies that energies are computed for: those of params.yaml, or the published ones."""

from __future__ import annotations

from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.params import CostParams
from spikesound.params.base import parsed, read_sections

HOROWITZ = 'Horowitz 2014, ISSCC, "Computing\'s energy problem (and what we can do about it)"'

PUBLISHED = CostParams.model_validate(
    {
        "profile": "fp32_45nm",
        "dataflow": "output_stationary",
        "account": {
            "fetch": "step", "zeros": "bitmap", "word_bits": 1, "biases": False,
            "features": False, "static": False, "wide_sums": False,
        },
        "accounts": {
            "dataflow": ["output_stationary"], "fetch": ["step"], "zeros": ["bitmap"],
            "word_bits": [1], "biases": [False], "features": [False], "static": [False],
            "wide_sums": [False],
        },
        "own_precision": "int8_45nm",
        "front_end": "fp32_45nm",
        "curve_steps": [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32],
        "zero_skipping": [],
        "memory": {
            "sram_pj": {8: 10.0, 32: 20.0, 1024: 100.0},
            "dram_pj": 1300.0,
            "on_chip_kib": 1024.0,
            "source": HOROWITZ,
            "address_pj": 0.1,
            "leakage_pw_per_bit": 8.4,
            "leakage_source": "Verma and Chandrakasan 2008",
        },
        "profiles": {
            "fp32_45nm": {
                "mac_pj": 4.6, "ac_pj": 0.9, "weight_bits": 32, "activation_bits": 32,
                "state_bits": 32, "sum_ac_pj": 0.9, "integer": False, "source": HOROWITZ,
            },
            "fp16_45nm": {
                "mac_pj": 1.5, "ac_pj": 0.4, "weight_bits": 16, "activation_bits": 16,
                "state_bits": 16, "sum_ac_pj": 0.4, "integer": False, "source": HOROWITZ,
            },
            "int8_45nm": {
                "mac_pj": 0.23, "ac_pj": 0.03, "weight_bits": 8, "activation_bits": 8,
                "state_bits": 16, "sum_ac_pj": 0.05, "integer": True, "source": HOROWITZ,
            },
            "int32_45nm": {
                "mac_pj": 3.2, "ac_pj": 0.1, "weight_bits": 32, "activation_bits": 32,
                "state_bits": 32, "sum_ac_pj": 0.1, "integer": False,
                "source": "Lemaire et al. 2022",
            },
        },
    }
)  # fmt: skip
"""As the project's params.yaml has them, for use without it."""


def accounts(path: Path | None) -> CostParams:
    """Return section ``costs`` of a file of parameters; without a file the published figures.

    Raises
    ------
    SpikesoundError
        If the file cannot be read, or has no such section.
    """
    if path is None:
        return PUBLISHED
    sections = read_sections(path)
    if "costs" not in sections:
        raise SpikesoundError(f"{path}: no section 'costs'")
    params = parsed(CostParams, sections["costs"], ("costs",))
    if params.account.fetch != "step":
        raise SpikesoundError(
            f"{path}: costs.account.fetch must be 'step': of a network of another library it is "
            "not counted which inputs are active in no step"
        )
    return params

"""Expected Custom Model Units: what AWS would bill one copy of a model as. Pure arithmetic.

AWS fixes the number from architecture, parameters and context (SPEC 9.2) and does not publish the rule. Outcrop's:
parameters and the key/value cache of one full-length sequence, both in 16 bits, divided by 24 GiB - the accelerator
memory that fits every published anchor (SPEC 9.3) - and rounded up to a power of two:

    Llama 3.2 3B, 128K        6.4 + 15.0 GB  = 0.8  → 1
    Llama 3.1 8B, 128K       16.1 + 17.2 GB  = 1.3  → 2
    Mistral type 11B, 32K    22.3 +  6.7 GB  = 1.1  → 2
    Llama 3.1 70B, 128K     141.1 + 42.9 GB  = 7.1  → 8
"""

from outcrop.artifact.fit import BYTES_PER_VALUE, Shape

UNIT_BYTES = 24 * 2**30
"""Accelerator memory that one Custom Model Unit stands for."""


def custom_model_units(*, parameters: int, shape: Shape) -> int:
    """Estimates the units of one model copy."""
    needed = parameters * BYTES_PER_VALUE + shape.cache_bytes_per_token * shape.context
    units = 1
    while units * UNIT_BYTES < needed:
        units *= 2
    return units

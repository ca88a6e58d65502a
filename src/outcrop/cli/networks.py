"""`outcrop networks`: what vpcConfig means here. No logic."""
# ruff: noqa: PLC0415  # as in the package

from __future__ import annotations

import sys
from typing import Any

import click

from outcrop.cli.options import EXIT_NO, setting_flags
from outcrop.settings import load


@click.command()
@click.argument("file", required=False)
@setting_flags("networks")
def networks(file: str | None, **flags: Any) -> None:
    """Show what the subnets and security groups of a networks FILE mean, and what of it this machine lacks.

    Sends nothing. Exit status 1: a subnet cannot be used here; 2: the file is wrong.
    """
    from outcrop.terminal.networks import print_networks

    if not print_networks(load(flags if file is None else {"networks": file})):
        sys.exit(EXIT_NO)

# SPDX-License-Identifier: Apache-2.0
import typer


def add_to(app: typer.Typer) -> None: ...

"""What a training needs of packages that are not always installed; known before it starts."""

from __future__ import annotations

from importlib.util import find_spec

from distilray.train.errors import CannotTrain
from distilray.train.settings import TrainSettings


def check_extras(settings: TrainSettings) -> None:
    """Raises :class:`CannotTrain` that names the setting, the package it needs and the extra that brings it."""
    needed = [(f"report_to: [{name}]", name, name) for name in settings.report_to]
    if settings.lora is not None and settings.lora.quantize:
        needed.append((f"lora.quantize: {settings.lora.quantize}", "bitsandbytes", "qlora"))
    for setting, package, extra in needed:
        if find_spec(package) is None:
            raise CannotTrain(
                f"train {settings.name!r}: {setting} needs the package {package}, which is not installed; "
                f"install it with: pip install 'distilray[{extra}]'"
            )

# SPDX-License-Identifier: Apache-2.0
"""What the approximate layers share: settings that are checked first, scales as buffers."""

from functools import cache
from typing import Any

import torch
from torch import Tensor

from convwright._approx_settings import Settings, changed, check_settings
from convwright._quantised import Quantisation
from convwright.multipliers import GradientTable, Multiplier

_EXACT = cache(lambda: check_settings("exact", "float32", "ste"))
QUANTISATION = ("input_scale", "input_zero_point", "weight_scale", "weight_zero_point")


class Approximate(torch.nn.Module):
    """Mixin in front of torch.nn.Conv2d or torch.nn.Linear."""

    _settings: Settings
    _calibrating = False  # True while convwright.quantisation.calibrate_ runs

    @property
    def multiplier(self) -> Multiplier:
        return self._settings.multiplier

    @multiplier.setter
    def multiplier(self, multiplier: str | Multiplier) -> None:
        self.configure_(multiplier=multiplier)

    @property
    def backward(self) -> str:
        """ "ste", "approx", "derivative" or "table"."""
        return self._settings.backward

    @backward.setter
    def backward(self, backward: str | GradientTable) -> None:
        self.configure_(backward=backward)

    @property
    def number_format(self) -> str:
        return self._settings.number_format

    @number_format.setter
    def number_format(self, number_format: str) -> None:
        self.configure_(number_format=number_format)

    def configure_(self, **changes: Any) -> None:
        """Change some of multiplier, backward and number_format, together and in place.

        Raises ValueError with one sentence where the combination does not exist; the layer is then
        as it was. An integer format brings the buffers of the scales, a float format drops them.
        """
        self._use(changed(self._settings, **changes))

    def _use(self, settings: Settings) -> None:
        before = self.__dict__.get("_settings")
        self._settings = settings
        if settings.is_float:
            for name in QUANTISATION:
                self._buffers.pop(name, None)
        elif before is None or before.number_format != settings.number_format:
            device = self.weight.device
            for name in QUANTISATION:
                value = torch.zeros((), device=device)  # a scale of 0 is refused: not calibrated
                self.register_buffer(name, value.int() if name.endswith("point") else value)

    @property
    def _used(self) -> Settings:
        """What a call computes."""
        return _EXACT() if self._calibrating else self._settings

    @property
    def quantisation(self) -> Quantisation | None:
        """The scales and zero points; None in a float format."""
        if self._settings.is_float:
            return None
        return Quantisation(*(getattr(self, name) for name in QUANTISATION))

    def extra_repr(self) -> str:
        settings = self._settings
        return (
            f"{super().extra_repr()}, multiplier={settings.multiplier}, "
            f"backward={settings.backward}, number_format={settings.number_format}"
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, metadata: Any, *rest: Any
    ) -> None:
        """A checkpoint of the exact layer has no scales: the layer's own stay."""
        keys = [prefix + name for name in QUANTISATION]
        if not self._settings.is_float and not any(key in state_dict for key in keys):
            kept = {name: self._buffers.pop(name) for name in QUANTISATION}
            try:
                super()._load_from_state_dict(state_dict, prefix, metadata, *rest)
            finally:
                self._buffers.update(kept)
            return
        if not self._settings.is_float:
            for name in QUANTISATION[2:]:  # of weights: one, or one for each channel
                self._take_size(name, state_dict.get(prefix + name))
        super()._load_from_state_dict(state_dict, prefix, metadata, *rest)

    def _take_size(self, name: str, loaded: Any) -> None:
        buffer = getattr(self, name)
        if isinstance(loaded, Tensor) and tuple(loaded.shape) in ((), (self.weight.shape[0],)):
            setattr(self, name, buffer.new_zeros(loaded.shape))

"""The user's settings on the screen: read from the configuration, and saved on request."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from netui.config.file import Config, default_path, save_config
from netui.model.settings import Settings
from netui.text.errors import SourceError
from netui.ui.keys import Groups, keymap
from netui.ui.presenters.chains.columns import Preset

if TYPE_CHECKING:
    from netui.ui.screen import MainScreen


class Preferences:
    """The user's settings, and the problems with them."""

    def __init__(self, config: Config | None, groups: Groups) -> None:
        self.config = config or Config(default_path())
        self.settings: Settings = self.config.settings
        wanted = self.settings.keys
        place_of = {name: self.config.place(f"keys.{name}") for name in wanted}
        self.keymap, bad_keys = keymap(wanted, groups, place_of)
        self.problems: tuple[str, ...] = (*self.config.problems, *bad_keys)

    def notice(self, most: int = 4) -> str:
        """Return a line for each ignored setting, "" for none."""
        shown = list(self.problems[:most])
        if len(self.problems) > most:
            shown.append(f"and {len(self.problems) - most} more")
        return "\n".join(shown)

    def apply(self, screen: MainScreen) -> None:
        """Apply columns and proportions to the panes."""
        settings = self.settings
        screen.chains.options = replace(
            screen.chains.options,
            preset=cast("Preset", settings.columns),
            named=settings.names,
            exact=settings.exact,
            bytes_first=settings.bytes_first,
        )
        screen.tree_part, screen.detail_part = settings.tree, settings.detail
        screen.proportion()

    def keep(self, screen: MainScreen, *, theme: str, mouse: bool) -> None:
        """Copy the panes' present state into the settings."""
        options = screen.chains.options
        self.settings = replace(
            self.settings,
            theme=theme,
            mouse=mouse,
            columns=options.preset,
            names=options.named,
            exact=options.exact,
            bytes_first=options.bytes_first,
            tree=_percent(screen.tree_part),
            detail=_percent(screen.detail_part),
        )

    def save(self, screen: MainScreen, *, theme: str, mouse: bool) -> tuple[bool, str]:
        """Save the present state; return whether it worked, and a message."""
        self.keep(screen, theme=theme, mouse=mouse)
        try:
            save_config(self.config.path, self.settings)
        except SourceError as error:
            return False, f"Not saved: {error}"
        return True, f"Saved settings: {self.config.path}"


def _percent(part: float | None) -> int | None:
    return None if part is None else max(10, min(80, round(part)))

"""The terminal's features and the user's wishes: colours, signs, mouse, screenshots, notifications."""

from __future__ import annotations

from textual.driver import Driver
from textual.filter import NoColor

from netui.ui.fastpath import driver_class
from netui.ui.fastpath.key_order import TypeAheadApp
from netui.ui.fastpath.private import add_filter, switch_mouse
from netui.ui.lines.safe_filter import SafeFilter
from netui.ui.themes import LIGHT, LIGHT_OF_SIXTEEN, QUIET, TERMINAL, THEMES, ascii_only, no_colour


class TerminalApp(TypeAheadApp):
    """An app whose lines all pass the safe filter, with the user's colours.

    theme: "" for the one that suits the terminal. ascii_glyphs, colour: None where the environment decides.
    few_colours: whether the terminal has sixteen colours, None where the environment tells.
    """

    def __init__(
        self,
        *,
        theme: str = "",
        ascii_glyphs: bool | None = None,
        colour: bool | None = None,
        few_colours: bool | None = False,
    ) -> None:
        self.plain = no_colour() if colour is None else not colour
        super().__init__(ansi_color=True if self.plain else None)
        self.few = not self.plain and (self.console.color_system == "standard" if few_colours is None else few_colours)
        #: with sixteen colours, only the terminal's own theme has enough contrast
        self.suits = (TERMINAL if self.few else THEMES[0]).name
        self.animation_level = "none"
        self.ascii = ascii_only() if ascii_glyphs is None else ascii_glyphs
        self.mouse_on = True
        for each in THEMES:
            self.register_theme(LIGHT_OF_SIXTEEN if self.few and each is LIGHT else each)
        if not self.plain:
            self.theme = theme or self.suits
        if self.plain and not self.no_color:
            # Textual itself only reads NO_COLOR
            add_filter(self, NoColor())
        add_filter(self, SafeFilter(ascii_only=self.ascii))

    def get_driver_class(self) -> type[Driver]:
        """Return netui's driver in place of Textual's driver for terminals."""
        return driver_class(super().get_driver_class())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Add netui's own colours to themes without them."""
        return QUIET

    def refresh_css(self, animate: bool = True) -> None:
        """Refresh the styles, unless there is no screen yet: its first use parses the stylesheet."""
        if self.screen_stack:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """Return the screen as SVG with blanks that every renderer keeps."""
        picture = super().export_screenshot(title=title, simplify=simplify)
        return picture.replace("<svg ", '<svg xml:space="preserve" ', 1)

    @property
    def chosen_theme(self) -> str:
        """The theme for the settings: "" without colours, or where the terminal decides."""
        return "" if self.plain or (self.few and self.theme == self.suits) else self.theme

    def looks(self) -> dict[str, bool]:
        """The CSS classes for the terminal's features, and whether each is set."""
        return {"-ascii": self.ascii, "-nocolor": self.plain, "-few": self.few}

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a message for a few seconds."""
        self.notify(text, severity="error" if error else "information", markup=False, timeout=4)

    def action_next_theme(self) -> None:
        """Switch to the next theme."""
        names = [each.name for each in THEMES]
        if not self.plain:
            self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]

    def action_mouse(self) -> None:
        """Release the mouse to the terminal, or capture it again."""
        self.switch_mouse(on=not self.mouse_on)
        self.say(
            "The mouse is netui's." if self.mouse_on else "The mouse is the terminal's; the same key takes it back."
        )

    def switch_mouse(self, *, on: bool) -> None:
        """Capture the mouse, or release it to the terminal."""
        self.mouse_on = on
        switch_mouse(self, on=on)

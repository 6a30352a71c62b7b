"""The keys that work everywhere."""

from __future__ import annotations

from textual.binding import Binding, BindingType

APP_KEYS: list[BindingType] = [
    Binding("q", "leave", "Quit", id="app.quit", tooltip="Quit at once"),
    Binding("ctrl+c", "leave", "Quit", show=False, id="app.quit-too", tooltip="Quit at once", priority=True),
    Binding("question_mark", "keys", "Help", id="app.help", key_display="?", tooltip="All keys and signs"),
    Binding("escape", "out", "Close", show=False, id="app.out", key_display="Esc",
            tooltip="Close: steps, flow, filter, zoom, events"),
    Binding("f", "flow(1)", "Next flow", show=False, id="app.next-flow",
            tooltip="Next flow of the container or port in the tree"),
    Binding("F", "flow(-1)", "Flow back", show=False, id="app.flow-back",
            tooltip="Previous flow of the container or port in the tree"),
    Binding("v", "part", "Part", show=False, id="app.part",
            tooltip="Next part of the open flow: for whom rules make it otherwise"),
    Binding("n", "step(1)", "Next step", show=False, id="app.next-step", tooltip="Next step of the open flow"),
    Binding("N", "step(-1)", "Step back", show=False, id="app.step-back", tooltip="Previous step of the open flow"),
    Binding("s", "steps", "Steps", show=False, id="app.steps", tooltip="The open flow's steps alone, in order"),
    Binding("o", "find_chain", "Go to", id="app.find-chain", tooltip="Find a chain by a few letters"),
    Binding("D", "answer('doctor')", "Doctor", id="app.doctor", tooltip="What is wrong or surprising, worst first"),
    Binding("E", "answer('exposed')", "Exposed", id="app.exposed", tooltip="Which ports are reached, from where"),
    Binding("R", "answer('reach')", "Reach", id="app.reach", tooltip="Who reaches whom on which port"),
    Binding("H", "next_host", "Host", show=False, id="app.next-host", tooltip="Next machine of those given by --host"),
    Binding("c", "answer('connections')", "Connected", id="app.connections",
            tooltip="Who is connected now, and which rule lets them in"),
    Binding("equals_sign", "answer('changes')", "Changes", show=False, id="app.changes", key_display="=",
            tooltip="What changed since the start, the marked moment or --compare PATH"),
    Binding("X", "mark_moment", "Mark", show=False, id="app.mark-moment", tooltip="Mark this moment for ="),
    Binding("colon", "ask", "Ask", id="app.ask", key_display=":", tooltip="Ask: SRC DST, as in outside host:443"),
    Binding("r", "reverse", "Reverse", show=False, id="app.reverse", tooltip="Ask the open flow the other way round"),
    Binding("y", "copy", "Copy", show=False, id="app.copy", tooltip="Copy the rule, path or address (OSC 52)"),
    Binding("ctrl+l", "redraw", "Redraw", show=False, id="app.redraw", priority=True,
            tooltip="Draw the screen again, after a broadcast"),
    Binding("ctrl+s", "save_picture", "Picture", show=False, id="app.picture", tooltip="Save the screen as SVG"),
    Binding("S", "save_path", "Save path", show=False, id="app.save-path", tooltip="Save the open flow as text"),
    Binding("t", "next_theme", "Theme", show=False, id="app.theme",
            tooltip="Theme: dark, light, contrast, terminal's own"),
    Binding("M", "mouse", "Mouse", show=False, id="app.mouse", tooltip="Mouse off, so that text can be selected"),
    Binding("W", "save_settings", "Save settings", show=False, id="app.save-settings",
            tooltip="Save settings: theme, columns, sizes, mouse"),
]  # fmt: skip

"""Whether the fast path is used: Textual's private names exist unchanged, and the user did not disable it.

A missing name, or a method with other parameters, disables it. netui then runs on Textual's own driver, compositor and
order of keys, with the same picture.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module

#: ``NETUI_FASTPATH=0`` in the environment disables the fast path.
SWITCH = "NETUI_FASTPATH"
#: Methods with their parameters: those that netui calls, or that it overrides.
_METHODS = {
    "textual.app:App._check_bindings": ("self", "key", "priority"),
    "textual.app:App._start_widget": ("self", "parent", "widget"),
    "textual.screen:Screen._on_timer_update": ("self",),
    "textual._compositor:Compositor.render_partial_update": ("self",),
    "textual._compositor:Compositor.render_full_update": ("self", "simplify"),
    "textual._compositor:Compositor._regions_to_spans": ("regions",),
    "textual._compositor:Compositor._get_renders": ("self", "crop"),
    "textual._compositor:ChopsUpdate.render_segments": ("self", "console"),
    "textual._xterm_parser:XTermParser.feed": ("self", "data"),
    "textual.drivers.linux_driver:LinuxDriver.start_application_mode": ("self",),
    "textual.drivers.linux_driver:LinuxDriver.stop_application_mode": ("self",),
    "textual.drivers.linux_driver:LinuxDriver._get_terminal_size": ("self",),
    "textual.strip:Strip.render_ansi": ("cls", "style", "color_system"),
}
#: Attributes of modules and classes.
_ATTRIBUTES = (
    "textual._ansi_sequences:SYNC_START",
    "textual._ansi_sequences:SYNC_END",
    "textual._styles_cache:StylesCache.get_inner_outer",
    "textual._compositor:LayoutUpdate",
    "textual.strip:Strip._render_cache",
    "rich.style:Style._ansi",
)
#: The instance attributes that a class's ``__init__`` sets.
_OF_INSTANCES = {
    "textual.widget:Widget": ("_repaint_required", "_layout_required", "_scroll_required"),
    "textual.screen:Screen": ("_compositor", "_dirty_widgets"),
    "textual._compositor:Compositor": ("_dirty_regions",),
    "textual.driver:Driver": ("_app",),
    "textual.drivers.linux_driver:LinuxDriver": ("_file", "_key_thread", "_writer_thread"),
}


def missing() -> Iterator[str]:
    """Yield the private names that are missing or changed."""
    for name, attributes in _OF_INSTANCES.items():
        init = getattr(_found(name), "__init__", None)
        given = getattr(getattr(init, "__code__", None), "co_names", ())
        yield from (f"{name}().{attribute}" for attribute in attributes if attribute not in given)
    for name in _ATTRIBUTES:
        if _found(name) is None:
            yield name
    for name, parameters in _METHODS.items():
        method = _found(name)
        have = inspect.signature(inspect.unwrap(method)).parameters if callable(method) else ()
        if tuple(have) != parameters:
            yield name


def _found(name: str) -> object:
    """Return the object of a name, None where it or its module is missing (as on another system)."""
    module, _, path = name.partition(":")
    try:
        value: object = import_module(module)
    except ImportError:
        return None
    for part in path.split("."):
        value = getattr(value, part, None)
    return value


@cache
def _supported() -> bool:
    return not any(missing())


def fast() -> bool:
    """Whether the fast path is used, for objects that are made now."""
    return os.environ.get(SWITCH) != "0" and _supported()

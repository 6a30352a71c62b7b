"""Settings on the screen: taken, named where they are bad, saved when asked and at no other time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.color import Color
from textual.pilot import Pilot

from netui.cli.commands import Screen
from netui.cli.run import main, parse
from netui.cli.screen import configuration
from netui.config.file import _FIELDS, Config, read_config
from netui.model.settings import Settings
from netui.ui.answers.worker import SOLVE
from netui.ui.app import NetuiApp
from netui.ui.commands import groups
from netui.ui.keys import every, keymap, normal, written
from netui.ui.lines.line_list_view import LineView
from tests.ui.steps import rows, running, screen_text, until

GROUPS = groups(NetuiApp)


def config_of(tmp_path: Path, text: str) -> Config:
    """Read a configuration."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    return read_config(path)


async def test_settings_are_taken(tmp_path: Path) -> None:
    """Theme, columns, proportions and keys; the footer and the help show the user's keys."""
    text = (
        'theme = "netui-light"\nmouse = false\n[chains]\ncolumns = "short"\nexact = true\n'
        '[layout]\ntree = 50\ndetail = 60\n[keys]\napp.help = "f1"\nchains.freeze = "P"\napp.theme = "ctrl+t"\n'
    )
    async with running(config=config_of(tmp_path, text)) as (app, pilot):
        main = app.main
        assert app.theme == "netui-light"
        assert main.chains.options.preset == "short" and main.chains.options.exact
        assert main.networks.outer_size.width == 80
        assert main.detail.outer_size.height > main.chains.outer_size.height
        await pilot.press("2", "P")
        assert main.chains.frozen
        await pilot.press("p", "t")
        assert main.chains.frozen and app.theme == "netui-light"
        footer = main.get_child_by_id("keys").render_line(0).text
        assert "P Freeze" in footer and "F1 Help" in footer
        await pilot.press("f1")
        help_text = "\n".join(rows(app.screen.query_one("#help-lines", LineView)))
        assert "F1" in help_text and "Ctrl+T" in help_text and "app.theme" in help_text


async def test_bad_settings_are_named_calmly(tmp_path: Path) -> None:
    """A notice with the lines; netui goes on with what is good."""
    text = 'theme = "pink"\n[keys]\napp.quit = "z"\nno.such = "x"\nchains.fold = "wat"\napp.help = "f1"\n'
    async with running(config=config_of(tmp_path, text)) as (app, pilot):
        await until(pilot, lambda: "line 1: theme" in screen_text(app))
        assert app.preferences.problems == (
            "config.toml line 1: theme: 'pink' is not one of netui-dark, netui-light, netui-contrast, terminal",
            "config.toml line 4: keys.no.such: no key of netui has this name (the help shows them)",
            "config.toml line 5: keys.chains.fold: 'wat' is no key, as in p, ctrl+r, f5 or question_mark",
            "config.toml line 3: keys.app.quit: z is already screen.zoom",
        )
        await pilot.press("z")
        assert app.main.zoomed
        await pilot.press("f1")
        assert app.screen is not app.main


async def test_an_unreadable_file_is_said_and_left_alone(tmp_path: Path) -> None:
    """Not even saving touches it."""
    async with running(config=config_of(tmp_path, "theme = ")) as (app, pilot):
        await until(pilot, lambda: "config.toml is ignored" in screen_text(app))
        await pilot.press("W")
        await until(pilot, lambda: "left as it is" in screen_text(app))
        assert (tmp_path / "config.toml").read_text() == "theme = "


async def test_settings_are_saved_only_when_asked(tmp_path: Path) -> None:
    """W writes what was changed in the program and says where; nothing else writes anything."""
    path = tmp_path / "netui" / "config.toml"
    async with running(config=read_config(path)) as (app, pilot):
        await pilot.press("t", "2", "C", "x", "B", "w", "greater_than_sign", "full_stop", "M")
        assert not path.exists()
        await pilot.press("W")
        await until(pilot, lambda: "Saved settings" in screen_text(app))
    saved = read_config(path)
    assert not saved.problems
    settings = saved.settings
    assert (settings.theme, settings.columns, settings.exact, settings.bytes_first, settings.names, settings.mouse) == (
        "netui-light", "short", True, True, False, False,
    )  # fmt: skip
    assert settings.tree and settings.detail
    async with running(config=saved, size=(200, 60)) as (app, pilot):
        assert abs(app.main.networks.outer_size.width - 2 * settings.tree) <= 1


def test_every_key_has_a_name_of_its_own_and_a_tooltip() -> None:
    """So that each can be set, and the help and the palette say what it does."""
    names = [binding.id for binding in every(GROUPS)]
    assert len(names) == len(set(names))
    assert all(binding.tooltip for binding in every(GROUPS))


@pytest.mark.parametrize(
    ("key", "name"),
    [("?", "question_mark"), ("+", "plus"), ("_", "underscore"), ("ctrl+s", "ctrl+s"), ("f5", "f5"), ("P", "P"),
     ("é", "é"), ("space", "space"), ("wat", ""), ("ctrl+", ""), ("super+x", ""), ("", ""), ("\x1b", "")],
)  # fmt: skip
def test_keys_are_named_as_textual_does(key: str, name: str) -> None:
    """A sign or its name; anything else is no key."""
    assert normal(key) == name


def test_two_keys_may_change_places() -> None:
    """A clash is told only where two bindings end on one key."""
    wanted = {"chains.freeze": "b", "chains.baseline": "p", "tree.fold": "u"}
    found, problems = keymap(wanted, GROUPS, {name: name for name in wanted})
    assert found == wanted and not problems


async def test_typing_on_after_quit_opens_nothing() -> None:
    """Q and o in one burst: the program ends, without a stack trace."""
    async with running() as (app, pilot):
        await pilot.press("q", "o", "question_mark", "D", "ctrl+p")
        assert len(app.screen_stack) == 1


async def test_proportions_give_way_to_zoom() -> None:
    """A tree made wider, then zoomed and back, has its width again; so has the detail its height."""
    async with running() as (app, pilot):
        await pilot.press("greater_than_sign", "full_stop", "full_stop", "comma")
        await pilot.pause()
        tree, detail = app.main.networks, app.main.detail
        width, height = tree.outer_size.width, detail.outer_size.height
        await pilot.press("z")
        await pilot.pause()
        assert tree.outer_size.width == 160
        await pilot.press("z", "3", "z")
        await pilot.pause()
        assert detail.outer_size.height > 40
        await pilot.press("z")
        await pilot.pause()
        assert (tree.outer_size.width, detail.outer_size.height) == (width, height)


async def test_the_readmes_settings_are_good(tmp_path: Path) -> None:
    """Every line of the example is taken as it stands."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    example = next(part for part in text.split("```") if part.lstrip().startswith("theme = "))
    async with running(config=config_of(tmp_path, example)) as (app, _pilot):
        assert app.preferences.problems == ()
        assert app.main.tree_part == 30


@pytest.mark.parametrize(
    ("key", "text"),
    [("underscore", "_"), ("ctrl+s", "Ctrl+S"), ("escape", "Esc"), ("f5", "F5"), ("n", "n"), ("full_stop", "."),
     ("shift+tab", "Shift+Tab")],
)  # fmt: skip
def test_keys_are_written_in_one_way(key: str, text: str) -> None:
    """As people write them, in the footer, the help and the palette."""
    assert written(key) == text


def test_flags_win_over_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is given on the command line counts; the rest is the file's; an unreadable one is said on stderr too."""
    path = tmp_path / "config.toml"
    path.write_text('theme = "netui-light"\ninterval = 3\ncolour = true\n')

    def configured(*flags: str) -> Settings:
        command = parse(["--config", str(path), *flags])
        assert isinstance(command, Screen)
        return configuration(command).settings

    settings = configured("--theme", "terminal", "--no-color", "--ascii")
    assert (settings.theme, settings.interval, settings.colour, settings.ascii) == ("terminal", 3, False, True)
    assert configured("--interval", "2").interval == 2
    path.write_text("theme = ")
    configured()
    assert capsys.readouterr().err.startswith("netui: config.toml is ignored: ")


def test_what_is_printed_sets_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--print-config with a file and flags: read back it gives the same settings, without a problem."""
    text = 'theme = "netui-light"\ninterval = 2\n[chains]\nexact = true\n[layout]\ntree = 50\n[keys]\nline.up = "K"\n'
    (tmp_path / "mine.toml").write_text(text)
    assert main(["--print-config", "--config", str(tmp_path / "mine.toml"), "--ascii", "--interval", "3"]) == 0
    out, err = capsys.readouterr()
    again = config_of(tmp_path, out)
    wanted = replace(config_of(tmp_path, text).settings, ascii=True, interval=3.0)
    assert again.settings == wanted and not again.problems and not err


def test_every_line_that_is_printed_may_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file all that could be set stands there, and nothing of it is refused when its sign is taken away."""
    assert main(["--print-config", "--config", str(tmp_path / "none.toml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    used = [line.removeprefix("# ") if " = " in line else line for line in lines]
    config = config_of(tmp_path, "\n".join(used))
    assert not config.problems
    assert {name for name in config.lines if name not in ("chains", "layout", "keys")} >= set(_FIELDS)
    ids = {each.id for each in every(GROUPS)}
    assert ids == set(config.settings.keys)
    assert keymap(config.settings.keys, GROUPS, dict.fromkeys(ids, ""))[1] == []


def test_what_is_ignored_is_named_beside_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad value and a bad key on stderr, status 1; what is no TOML at all is 2 and prints nothing."""
    path = tmp_path / "bad.toml"
    path.write_text('mouse = "yes"\n[keys]\nno.such = "x"\n')
    assert main(["--print-config", "--config", str(path)]) == 1
    out, err = capsys.readouterr()
    assert "mouse = true" in out and "no.such" not in out
    assert [line.split(":")[1].strip() for line in err.splitlines()] == ["bad.toml line 1", "bad.toml line 3"]
    path.write_text("mouse = ")
    assert main(["--print-config", "--config", str(path)]) == 2
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--print-config", "doctor"], ["--print-config", "--interval", "0.1"]])
def test_a_configuration_is_the_screens(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line and status 2 for what does not go with it."""
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("theme", "shown", "saved"), [("", "terminal", ""), ("netui-light", "netui-light", "netui-light")]
)
async def test_sixteen_colours_are_the_terminals_own(tmp_path: Path, theme: str, shown: str, saved: str) -> None:
    """Where the user chose none; a cursor is white on blue in any theme, on the answers' screens, too."""
    path = tmp_path / "netui" / "config.toml"
    async with running(few_colours=True, theme=theme, config=read_config(path), answers=SOLVE) as (app, pilot):
        assert app.theme == shown
        await pilot.press("2", "j")
        await pilot.press("W")
        await until(pilot, path.exists)
        for pane in (app.main.chains, await _opened(app, pilot, "D")):
            cursor = pane.get_component_styles("line--cursor")
            assert (cursor.background, cursor.color) == (Color.parse("ansi_blue"), Color.parse("ansi_bright_white"))
    assert read_config(path).settings.theme == saved


async def _opened(app: NetuiApp, pilot: Pilot[int], key: str) -> LineView:
    """The lines of an answer that a key opens."""
    await pilot.press(key)
    await until(pilot, lambda: app.answers.screen is not None)
    return app.answers.screen.query_one("#answer-lines", LineView)


async def test_the_light_theme_of_sixteen_colours_is_readable() -> None:
    """On white nothing is yellow or grey as white; what is good, bad or to be noticed keeps a colour of its own."""
    async with running(few_colours=True, theme="netui-light") as (app, _):
        chains = app.main.chains
        looks = {
            segment.style.color.number
            for y in range(chains.size.height)
            for segment in chains.render_line(y)
            if segment.style is not None and segment.style.color is not None and segment.text.strip()
        }
        yellow, white, bright = 3, 7, 8
        assert looks.isdisjoint({yellow, white, bright + yellow, bright + white}), looks
        green, black = 2, 0
        assert {green, black} <= looks

"""The keys that every screen has: other screens, copy, export, pager, editor, commands, help."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.segment import Segment
from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.dom import DOMNode

from tracer.errors import StoreError
from tui import takeaway
from tui.commands import COPIES, EXPORTS
from tui.data import Door, Subject, Whole
from tui.header import late
from tui.messages import Go, Marked
from tui.screens.prompting import PromptingScreen
from tui.themes import LOOKS
from tui.widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from tui.app import TracerApp


class SharedScreen(PromptingScreen):
    """A subclass says what it is about (`about`)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "go('raw')", "raw HTTP", show=False),
        Binding("w", "go('waterfall')", "waterfall", show=False),
        Binding("C", "go('context')", "context: what the model had", show=False),
        Binding("L", "go('live')", "live and statistics", show=False),
        Binding("d", "mark", "mark for a diff, or diff with what is marked", show=False),
        Binding("y", "copy", "copy …", show=False),
        Binding("e", "export", "export to a file …", show=False),
        Binding("v", "pager", "open in the pager", show=False),
        Binding("E", "editor", "open the record in the editor", show=False),
        Binding("ctrl+p", "palette", "every command, found by what it does", show=False),
        Binding("T", "theme", "theme: dark, light, plain", show=False),
        Binding("question_mark", "help", "every key", show=False),
        Binding("q,ctrl+c", "app.quit", "leave", show=False),
    ]
    NAME: ClassVar[str] = ""
    door: Door
    _said = ""

    def begin_with(self, text: str) -> None:
        """Stands in the footer until the first key."""
        self._said = text

    def bring_up_to_date(self) -> None:
        """Draw the bars again; what was said stays."""
        self.say(self._said)

    @property
    def lateness(self) -> list[Segment]:
        """What the header says if the database is behind the recording."""
        return late(cast("TracerApp", self.app).behind)

    def about(self) -> Subject | None:
        """The interaction that the keys speak of."""
        raise NotImplementedError

    def extra_copies(self) -> list[tuple[str, str, str]]:
        """Key, meaning and text of what only this screen can copy."""
        return []

    def paper(self, whole: Whole) -> tuple[str, str]:
        """What the pager shows, and the suffix of its file."""
        return takeaway.copied("m", whole) or "", "md"

    def action_go(self, where: str) -> None:
        """Another screen about the same interaction."""
        if where != self.NAME:
            self.post_message(Go(where, self.about()))

    def action_mark(self) -> None:
        """One of two to compare."""
        if (subject := self.about()) is not None:
            self.post_message(Marked(subject))

    def action_open_id(self, text: str) -> None:
        """Go to an interaction by the beginning of its id."""

        async def work() -> None:
            try:
                seq, row = await self.door.find(text)
            except StoreError as error:
                self.say(str(error))
                return
            cast("TracerApp", self.app).open_at(seq, row)

        self.work(work, "find")

    def action_filter_by(self, text: str) -> None:
        """Filter the conversations."""
        cast("TracerApp", self.app).filter_by(text)

    def action_help(self) -> None:
        """Every key that works here."""
        from tui.screens.help import HelpScreen, actions_of, keys_of

        everywhere = actions_of(SharedScreen) | actions_of(PromptingScreen)
        self.app.push_screen(HelpScreen(keys_of(self, self.pane, self.NAME.capitalize() or "Panes", everywhere)))

    def action_theme(self) -> None:
        """The next theme."""
        names = list(LOOKS)
        self.action_wear(names[(names.index(cast("TracerApp", self.app).look) + 1) % len(names)])

    def action_wear(self, look: str) -> None:
        """A theme by its name."""
        self.say(cast("TracerApp", self.app).wear(look))

    def action_home(self) -> None:
        """The conversations, from wherever this is."""
        cast("TracerApp", self.app).go_home()

    def _with_whole(self, do: Callable[[Whole], None]) -> None:
        subject = self.about()
        if subject is None:
            self.say("there is no interaction here")
            return

        async def work() -> None:
            try:
                whole = await self.door.whole(subject.row.key)
            except StoreError as error:
                self.say(str(error))
                return
            do(whole)

        self.work(work, "take")

    @property
    def _folder(self) -> Path | None:
        return cast("TracerApp", self.app).folder

    def action_copy(self) -> None:
        """Choose what to copy."""
        from tui.screens.menu import Choice, MenuScreen

        extra = self.extra_copies()
        choices = [Choice(key, does, key) for key, does in takeaway.COPY]
        choices += [Choice(key, does, key) for key, does, _ in extra]

        def copy(key: str | None) -> None:
            if key is not None:
                self._copy_key(key)

        self.app.push_screen(MenuScreen("Copy", choices), copy)

    def action_copy_as(self, name: str) -> None:
        """Copy without the menu."""
        self._copy_key(COPIES[name])

    def _copy_key(self, key: str) -> None:
        own = {name: text for name, _, text in self.extra_copies()}
        if key in own:
            self._copy(key, own[key])
        elif key in dict(takeaway.COPY):
            self._with_whole(lambda whole: self._copy(key, takeaway.copied(key, whole)))
        else:
            self.say("that can be copied from a line of JSON: r shows it")

    def _copy(self, key: str, text: str | None) -> None:
        names = {**dict(takeaway.COPY), **{name: does for name, does, _ in self.extra_copies()}}
        if text is None:
            self.say(f"no {names[key]} was recorded of it")
        else:
            self.say(f"{names[key]}: {takeaway.clipboard(text, self._folder, self.app.copy_to_clipboard)}")

    def action_export(self) -> None:
        """Choose what to write into the working folder."""
        from tui.screens.menu import Choice, MenuScreen

        def write(key: str | None) -> None:
            if key is not None:
                self._export_key(key)

        choices = [Choice(key, does, key) for key, does in takeaway.EXPORT]
        self.app.push_screen(MenuScreen(f"Export to {Path.cwd()}", choices), write)

    def action_export_as(self, name: str) -> None:
        """Write a file without the menu."""
        self._export_key(EXPORTS[name])

    def _export_key(self, key: str) -> None:
        if key in ("t", "s"):
            self._make_test(subtree=key == "s")
        else:
            self._with_whole(lambda whole: self._export(key, whole))

    def _export(self, key: str, whole: Whole) -> None:
        found = takeaway.exported(key, whole)
        if found is None:
            self.say("the call that began it was not recorded")
            return
        try:
            path = takeaway.new_file(Path.cwd(), f"interaction-{whole.row.key[:12]}", found[1], found[0])
        except OSError as error:
            self.say(f"can't write here: {error.strerror}")
        else:
            self.say(f"written to {path}")

    def _make_test(self, *, subtree: bool) -> None:
        make, subject = cast("TracerApp", self.app).make_test, self.about()
        if make is None or subject is None:
            self.say("no test can be made here: `tracer cassette make` does it")
            return

        async def work() -> None:
            self.say(await asyncio.to_thread(make, subject.row.key, subtree))

        self.say("making a test …")
        self.work(work, "take")

    def action_pager(self) -> None:
        """Read it page by page in $PAGER."""
        self._with_whole(lambda whole: self._outside(takeaway.pager(), *self.paper(whole)))

    def action_editor(self) -> None:
        """Open the record in $EDITOR; what is changed there stays there."""
        self._with_whole(
            lambda whole: self._outside(
                takeaway.editor(), json.dumps(whole.record, ensure_ascii=False, indent=2) + "\n", "json"
            )
        )

    def _outside(self, command: list[str], text: str, suffix: str) -> None:
        if self._folder is None:
            self.say("there is no folder for a file to open")
            return
        try:
            path = takeaway.write(self._folder / f"shown.{suffix}", text)
            with self.app.suspend():
                subprocess.run([*command, str(path)], check=False)
        except SuspendNotSupported:
            self.say(f"this terminal can't be lent to another program: it is in {path}")
        except OSError as error:
            self.say(f"{command[0]!r} could not be started: {error.strerror}")
        else:
            self.say(f"it is in {path}")

    def action_palette(self) -> None:
        """Choose from everything that works here."""
        from tui.screens.help import TEXTUALS, actions_of
        from tui.screens.menu import Choice, PaletteScreen

        nodes: dict[str, DOMNode] = {}
        keys: dict[str, Choice] = {}
        for active in self.active_bindings.values():
            action, does = active.binding.action, active.binding.description
            if not does or action in TEXTUALS:
                continue
            key = self.app.get_key_display(active.binding).replace("⏎", "↵")
            if action not in keys or len(key) < len(keys[action].key):
                nodes[action], keys[action] = active.node, Choice(key, does, action)
        # Nobody looks for a way to move in a list of commands.
        moving = {*actions_of(VirtualList), "pane(1)", "pane(-1)", "app.quit"}
        choices = sorted(keys.values(), key=lambda choice: choice.answer in moving)

        async def run(action: str | None) -> None:
            if action is not None:
                await self.app.run_action(action, nodes[action])

        self.app.push_screen(PaletteScreen(choices), run)

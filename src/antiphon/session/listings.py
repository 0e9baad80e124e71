"""Which tools the MCP servers of a session have.

A server is asked once, when the client brings it; the client sees that as an `mcp_list_tools` item. It is asked again
when it comes with another address, secret or choice of tools, or when it comes again after it has failed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import structs

from antiphon.facts import EngineFailed
from antiphon.protocol.items import McpListedTool, McpListTools
from antiphon.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemDone,
    McpListToolsCompleted,
    McpListToolsFailed,
    McpListToolsInProgress,
)
from antiphon.protocol.session import McpTool, Tool
from antiphon.protocol.wire import UNSET
from antiphon.session.config import SessionSettings
from antiphon.session.conversation import Conversation, Entry
from antiphon.session.effects import Effect, ListTools, Report, Send
from antiphon.session.inputs import Listed
from antiphon.session.tools import in_short, is_allowed, server_of, servers

MAX_LISTINGS = 64
"""Servers that are remembered or being asked. One more takes the place of an answer that only a response brought;
if there is none, it is not asked until the client brings it again."""


@dataclass(slots=True)
class Listing:
    """One server that is being asked, or has been."""

    item_id: str
    server: McpTool
    """Without what does not change its answer."""
    is_shown: bool
    """Whether there is an item of it in the conversation."""
    tools: tuple[McpListedTool, ...] | None = None
    """None: it has not answered yet."""
    has_failed: bool = False

    @property
    def item(self) -> McpListTools:
        """The item as it is now."""
        return McpListTools(id=self.item_id, server_label=self.server.server_label, tools=self.tools or ())


class Listings:
    """All servers of a session."""

    def __init__(self, settings: SessionSettings, conversation: Conversation) -> None:
        self._settings = settings
        self._conversation = conversation
        self._listings: list[Listing] = []
        self._kept: list[McpTool] = []
        """The session's own servers."""

    def keep(self, tools: Sequence[Tool]) -> None:
        """These are the session's tools now: forget what other servers have said."""
        self._kept = [_asked(server) for server in servers(tools)]
        self._listings = [one for one in self._listings if not self._is_spare(one)]

    def _is_spare(self, listing: Listing) -> bool:
        return listing.tools is not None and listing.server not in self._kept

    def ask(self, tools: Sequence[Tool], *, is_shown: bool = True) -> Iterator[Effect]:
        """The client has brought these tools: ask the servers that are not known, and those that have failed."""
        for server in servers(tools):
            known = self._find(server)
            if known is not None and known.has_failed:
                self._listings.remove(known)
                known = None
            if known is None and self._has_room():
                yield from self._begin(Listing(self._settings.new_id("item"), _asked(server), is_shown))

    def _has_room(self) -> bool:
        if len(self._listings) == MAX_LISTINGS:
            spare = next((one for one in self._listings if self._is_spare(one)), None)
            self._listings = [one for one in self._listings if one is not spare]
        return len(self._listings) < MAX_LISTINGS

    def _begin(self, listing: Listing) -> Iterator[Effect]:
        self._listings.append(listing)
        if listing.is_shown:
            previous = self._conversation.last_id
            self._conversation.add(Entry(listing.item))
            yield Send(ConversationItemAdded(previous_item_id=previous, item=listing.item))
            yield Send(McpListToolsInProgress(item_id=listing.item_id))
        yield ListTools(listing.item_id, server_of(listing.server))

    def awaits(self, item_id: str) -> bool:
        """Whether a server is being asked for this item."""
        return any(one.item_id == item_id and one.tools is None for one in self._listings)

    def listed(self, news: Listed) -> Iterator[Effect]:
        """A server has answered that was asked."""
        listing = next(one for one in self._listings if one.item_id == news.item_id)
        listing.tools = tuple(tool for tool in news.tools if is_allowed(tool, listing.server))
        listing.has_failed = news.error is not None
        if news.error is not None:
            yield Report(EngineFailed(self._settings.session_id, "tools", in_short(news.error)))
        if listing.is_shown:
            yield from self._show(listing)

    def _show(self, listing: Listing) -> Iterator[Effect]:
        entry = self._conversation.get(listing.item_id)
        if entry is not None:
            entry.finish(listing.item)
        previous = self._conversation.previous_of(listing.item_id)
        yield Send(ConversationItemDone(previous_item_id=previous, item=listing.item))
        ended = McpListToolsFailed if listing.has_failed else McpListToolsCompleted
        yield Send(ended(item_id=listing.item_id))

    def awaited(self, tools: Sequence[Tool]) -> set[str]:
        """The items of the servers among these tools that have not answered yet."""
        found = (self._find(server) for server in servers(tools))
        return {one.item_id for one in found if one is not None and one.tools is None}

    def tools_of(self, server: McpTool) -> tuple[McpListedTool, ...]:
        """The tools of a server that the model may use, as far as they are known."""
        known = self._find(server)
        return () if known is None else known.tools or ()

    def _find(self, server: McpTool) -> Listing | None:
        asked = _asked(server)
        return next((one for one in self._listings if one.server == asked), None)


def _asked(server: McpTool) -> McpTool:
    """What the answer of a server depends on."""
    return structs.replace(
        server, server_description=UNSET, require_approval=UNSET, allowed_callers=UNSET, defer_loading=UNSET
    )

"""The box's copy of the tags: fetched when it changed, confirmed when it did not. Uplink thread."""

from __future__ import annotations

from station.rules.messages import TagListConfirmed, TagListReceived
from station.rules.values import TagEntry, TagList
from station.transport.answers import Answer, Kind
from station.uplink.line import Line, moment, text

CONFIRM_TAGS_S = 24 * 3600.0
# A list that changes at every look wears the card: the third fetch within a minute waits.
OFTEN_S, PAUSE_S = 60.0, 30.0


class TagListSync:
    """``retry_s``: for how long nothing is asked after a fetch that failed."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._wanted = True
        self._not_before_s = 0.0
        self._confirmed_s: float | None = None
        self._fetched_s: float | None = None

    @property
    def due(self) -> bool:
        return self._wanted and self._line.monotonic() >= self._not_before_s

    def heard_of(self, etag: object, ours: str | None) -> None:
        """A heartbeat's answer named the current list."""
        if isinstance(etag, str) and etag == ours:
            self._confirm()
        elif isinstance(etag, str):
            self._wanted = True

    def fetch(self, retry_s: float) -> bool:
        """Ask for it. False when nothing came of that."""
        line = self._line
        answer = line.transport.tags(line.snapshot().tags_etag)
        line.note(answer)
        self._wanted = not answer.heard
        if answer.kind is Kind.UNCHANGED:
            self._confirm()
        elif answer.kind is Kind.DONE and isinstance(answer.body.get("tags"), list):
            self._keep(_tag_list(answer, line.monotonic()))
        if answer.kind in (Kind.DONE, Kind.UNCHANGED):
            self._rest()
            return True
        self._not_before_s = line.monotonic() + retry_s
        return False

    def _rest(self) -> None:
        now_s, before_s = self._line.monotonic(), self._fetched_s
        self._fetched_s = now_s
        if before_s is not None and now_s - before_s < OFTEN_S:
            self._not_before_s = now_s + PAUSE_S

    def _keep(self, tags: TagList) -> None:
        line = self._line
        now = line.clock.now()
        confirmed = now.utc if now.synced else None
        line.journal.call(lambda store: store.put_tags(tags, confirmed))
        self._confirmed_s = line.monotonic()
        line.post(TagListReceived(tags))
        line.log.info("tag list: %d tags", len(tags.entries))

    def _confirm(self) -> None:
        """The list is current. On disk that is noted once a day, and not beside a charge's own
        commits: an SD card is not for logging."""
        now = self._line.clock.now()
        due = self._confirmed_s is None or now.mono_s - self._confirmed_s > CONFIRM_TAGS_S
        if due and now.synced and not self._line.snapshot().contactor_closed:
            self._line.journal.call(lambda store: store.confirm_tags(now.utc))
            self._confirmed_s = now.mono_s
        self._line.post(TagListConfirmed())


def _tag_list(answer: Answer, now_s: float) -> TagList:
    """Lines that cannot be read are left out: nobody is accepted by a line that says nothing."""
    entries = {}
    lines = answer.body.get("tags")
    for line in lines if isinstance(lines, list) else []:
        tag = line.get("tag") if isinstance(line, dict) else None
        if not isinstance(tag, str):
            continue
        expires_at = moment(line.get("expires_at"))
        forever = line.get("expires_at") is None
        accepted = line.get("status") == "accepted" and (forever or expires_at is not None)
        entries[tag] = TagEntry(tag, accepted, expires_at, text(line.get("group")))
    return TagList(entries=entries, confirmed_at_s=now_s, etag=answer.etag)

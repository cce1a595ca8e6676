"""The queue of messages to the shop's application (TMC): handed out until confirmed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import count

from channels_sync.sandbox.trades import Message


class MessageQueue:
    """Unconfirmed messages, each with the instant from which it may be handed out (again)."""

    def __init__(self) -> None:
        self._waiting: dict[int, Message] = {}
        self._heap: list[tuple[int, int, int]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message, *, ready_ms: int) -> None:
        self._waiting[message.id] = message
        heapq.heappush(self._heap, (ready_ms, next(self._order), message.id))

    def take(self, most: int, *, now_ms: int, again_after_ms: int) -> list[Message]:
        """Up to so many messages that are ready; each comes again after a while unless it is confirmed."""
        taken: list[Message] = []
        while self._heap and len(taken) < most and self._heap[0][0] <= now_ms:
            message = self._waiting.get(heapq.heappop(self._heap)[2])
            if message is not None:
                message.hands += 1
                taken.append(message)
        for message in taken:
            heapq.heappush(self._heap, (now_ms + again_after_ms, next(self._order), message.id))
        return taken

    def confirm(self, ids: Iterable[int], *, now_ms: int) -> tuple[list[int], list[Message]]:
        """Done with these. Returns the ids that are gone and the messages that come once more all the same."""
        gone, again = [], []
        for message_id in ids:
            message = self._waiting.get(message_id)
            if message is None:
                continue
            if message.extra:
                message.extra -= 1
                again.append(message)
                heapq.heappush(self._heap, (now_ms, next(self._order), message_id))
            else:
                del self._waiting[message_id]
                gone.append(message_id)
        return gone, again

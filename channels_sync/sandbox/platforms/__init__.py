"""What a played platform is: its traits, the facts it is told, what it answers, what it sends to us.

One module beside this one per platform, a class with the shape of `PlatformDoor`; `doors.DOORS` lists them. The world
behind them is one: the same buyers, goods and orders, each order sold on one platform (`Trade.platform`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from channels_sync.sandbox.trades import Refund, Trade


@dataclass(frozen=True, slots=True)
class Traits:
    """What differs before anything is on the wire.

    number_shift: an order's number there is the trade's number less this; every platform has a range of its own.
    has_presale: deposit first, balance later. provider: whose bill its payments stand on, "" for one we do not play.
    never: planted problems (scenario.PROBLEMS) that cannot be told in this platform's words.
    splits: it splits paid orders into several.
    """

    code: str
    shop_name: str
    number_shift: int = 0
    has_presale: bool = False
    provider: str = ""
    never: frozenset[str] = frozenset()
    splits: bool = False


TMALL = "tmall"
TRAITS: Mapping[str, Traits] = {
    traits.code: traits
    for traits in (
        Traits(TMALL, "木棉家居旗舰店", has_presale=True, provider="alipay"),
        Traits("jd", "木棉家居京东旗舰店", number_shift=4_099_999_700_000_000_000, splits=True),
        Traits("douyin", "木棉家居抖音店", number_shift=-680_000_000_000_000_000, has_presale=True),
        Traits("wechat_shop", "木棉家居视频号小店", number_shift=390_000_000_000_000_000),
        Traits("shopify", "Mumian Home", number_shift=4_099_994_500_000_000_000),
        Traits("woocommerce", "Mumian Studio", number_shift=4_099_999_999_999_000_000),
        Traits("http", "木棉家居官网", number_shift=4_099_999_950_000_000_000),
    )
}


class Fact(StrEnum):
    """What can become true about a trade or a refund."""

    PLACED = "placed"
    DEPOSIT_PAID = "deposit_paid"
    PAID = "paid"
    CLOSED = "closed"
    MEMO_CHANGED = "memo_changed"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    NUMBER_CHANGED = "number_changed"
    FINISHED = "finished"
    REFUND_OPENED = "refund_opened"
    RETURN_AGREED = "return_agreed"
    GOODS_SENT_BACK = "goods_sent_back"
    REFUND_PAID = "refund_paid"
    REFUND_REFUSED = "refund_refused"
    REFUND_CLOSED = "refund_closed"


@dataclass(frozen=True, slots=True)
class Happened:
    """A fact with what it is about; refund only where it is about one."""

    fact: Fact
    trade: Trade
    refund: Refund | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came in. path: below the door's root. headers: lower-case names. url: without the query."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. body: bytes, or pieces of them where it is too large to be made at once."""

    body: bytes | Iterable[bytes]
    status: int = 200
    content_type: str = "application/json;charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """One push before it is sealed: its topic in the platform's words, and the body as it stays through all tries."""

    topic: str
    body: str

    @property
    def raw(self) -> bytes:
        """The body as it goes on the wire; a hostile one need not be text."""
        return self.body.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A push as it goes out in one try, signed for that instant. method: POST, or GET for a check of the address."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class PushRule:
    """How stubborn a platform is: how long it waits for an answer, and its pauses before each further try."""

    pauses_s: tuple[float, ...]
    timeout_s: float = 5.0


class PlatformDoor(Protocol):
    """One played platform. Everything but `seal` and `is_heard` is called with the world's lock or takes it itself.

    root: where its paths begin, such as /router/rest or /jd. push_rule: None for a platform that never pushes.
    """

    traits: Traits
    root: str
    push_rule: PushRule | None

    def serve(self, request: Request) -> Reply:
        """Answer one call. Refusals are answers in the platform's own words, never exceptions."""
        ...

    def tell(self, happened: Happened) -> Sequence[Told]:
        """The pushes that follow from a fact, within the change that made it true.

        A platform whose messages are fetched puts them into its own queue here and returns none.
        """
        ...

    def seal(self, told: Told, *, at_ms: int) -> Sealed:
        """The push as it goes out now. at_ms: by the platform's clock."""
        ...

    def is_heard(self, status: int, body: bytes) -> bool:
        """Whether the answer to a push means that it need not come again."""
        ...

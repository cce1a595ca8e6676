"""A buyer whom the company does not sell to is known on every platform, by what that platform tells of them."""

import random

from channels_sync.sandbox.people import BLACKLIST, invent_buyer


def test_no_other_buyer_has_a_phone_of_the_blacklist():
    rng, phones = random.Random(1), {buyer.mobile for buyer in BLACKLIST}

    assert len(phones) == len(BLACKLIST)
    assert not any(invent_buyer(rng, identity=str(n)).mobile in phones for n in range(5_000))

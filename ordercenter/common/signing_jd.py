"""The signature of JD's open platform (JOS): upper-case hex MD5 over the sorted parameters, UTF-8.

Source: public kits of the platform, run (luffyzhao/jd-jos-sdk, PyPI jd-sdk), which agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from ordercenter.common.signing import same_text


def jd_sign(params: Mapping[str, str], *, secret: str) -> str:
    """The `sign` of a call. params: all parameters as sent, `360buy_param_json` among them; `sign` itself is left out.

    An empty parameter is not signed, and must not be sent.
    """
    joined = "".join([key + value for key, value in sorted(params.items()) if key != "sign" and value != ""])
    # A hostile sender may hand in lone surrogates: they must fail the check, not break it.
    text = f"{secret}{joined}{secret}".encode("utf-8", "surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()


def jd_sign_is_valid(params: Mapping[str, str], *, sign: str, secret: str) -> bool:
    """Whether `sign` fits these parameters."""
    return same_text(jd_sign(params, secret=secret), sign)

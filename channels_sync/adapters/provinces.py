"""Chinese provinces as foreign shop systems write them, in the names that our table of divisions knows."""

from __future__ import annotations

# ISO 3166-2:CN without the country; Shopify writes YZ for XZ.
_BY_ISO = {
    "AH": "安徽省",
    "BJ": "北京市",
    "CQ": "重庆市",
    "FJ": "福建省",
    "GD": "广东省",
    "GS": "甘肃省",
    "GX": "广西壮族自治区",
    "GZ": "贵州省",
    "HA": "河南省",
    "HB": "湖北省",
    "HE": "河北省",
    "HI": "海南省",
    "HL": "黑龙江省",
    "HN": "湖南省",
    "JL": "吉林省",
    "JS": "江苏省",
    "JX": "江西省",
    "LN": "辽宁省",
    "NM": "内蒙古自治区",
    "NX": "宁夏回族自治区",
    "QH": "青海省",
    "SC": "四川省",
    "SD": "山东省",
    "SH": "上海市",
    "SN": "陕西省",
    "SX": "山西省",
    "TJ": "天津市",
    "XJ": "新疆维吾尔自治区",
    "XZ": "西藏自治区",
    "YZ": "西藏自治区",
    "YN": "云南省",
    "ZJ": "浙江省",
}
# WooCommerce counts them (i18n/states.php).
_BY_WOO = "YN BJ TJ HE SX NM LN JL HL SH JS ZJ AH FJ JX SD HA HB HN GD GX HI CQ SC GZ SN GS QH NX MO XZ XJ".split()


def chinese_province(text: str, code: str) -> str:
    """The Chinese name for a code such as ZJ, CN-ZJ or CN12; the text itself where the code says nothing."""
    word = code.strip().upper().removeprefix("CN-")
    digits = word.removeprefix("CN")
    if word.startswith("CN") and digits.isdigit() and len(digits) < 3 and 1 <= int(digits) <= len(_BY_WOO):
        word = _BY_WOO[int(digits) - 1]
    return _BY_ISO.get(word, text)

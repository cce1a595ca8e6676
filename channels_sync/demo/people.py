"""Made-up buyers of the demo company: nobody's names, numbers or doors."""

from __future__ import annotations

from dataclasses import dataclass

from ordercenter.orders.intake_types import IncomingReceiver


@dataclass(frozen=True)
class Buyer:
    """A buyer with the one address that he orders to. number: makes the telephone number."""

    number: int
    name: str
    province: str
    city: str
    district: str
    address: str

    @property
    def receiver(self) -> IncomingReceiver:
        return IncomingReceiver(
            name=self.name,
            phone=f"1380000{self.number:04d}",
            province=self.province,
            city=self.city,
            district=self.district,
            town="",
            address=self.address,
            zip_code="",
            oaid="",
            is_masked=False,
        )


# Near the company's own warehouse, where the regional courier goes.
NEAR = (
    Buyer(1, "林小满", "浙江省", "杭州市", "西湖区", "文三路示例小区1幢101室"),
    Buyer(2, "周叶", "浙江省", "宁波市", "鄞州区", "钱湖南路示例花园2幢502室"),
    Buyer(3, "何立夏", "上海市", "上海市", "徐汇区", "漕溪北路示例公寓3号楼1203室"),
    Buyer(4, "沈一禾", "江苏省", "苏州市", "姑苏区", "平江路示例里4号"),
    Buyer(5, "徐白露", "浙江省", "绍兴市", "越城区", "解放北路示例苑5幢301室"),
    Buyer(6, "顾清和", "江苏省", "南京市", "鼓楼区", "中山北路示例大厦6楼"),
)
# Where the warehouse in Guangzhou is nearest.
SOUTH = (
    Buyer(11, "黎秋分", "广东省", "广州市", "天河区", "体育东路示例广场11楼"),
    Buyer(12, "麦小雪", "广东省", "深圳市", "南山区", "科技园示例路12号"),
    Buyer(13, "梁谷雨", "广东省", "佛山市", "禅城区", "祖庙路示例楼13号"),
    Buyer(14, "欧阳芒种", "广西壮族自治区", "南宁市", "青秀区", "民族大道示例园14栋"),
)
FAR = (
    Buyer(21, "韩冬至", "北京市", "北京市", "朝阳区", "望京示例街21号院2单元"),
    Buyer(22, "马惊蛰", "新疆维吾尔自治区", "乌鲁木齐市", "天山区", "解放南路示例巷22号"),
)

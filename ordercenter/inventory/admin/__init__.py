"""The admin pages of stock, by subject. Counters and states are here to be read: services change them."""

from ordercenter.inventory.admin import channels, production, stock, supply

__all__ = ["channels", "production", "stock", "supply"]

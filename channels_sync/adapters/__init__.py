"""One module per platform: the only places that know its wire protocol and its words."""

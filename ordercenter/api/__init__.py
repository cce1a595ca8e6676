"""The REST API as a whole: its addresses, its keys, its documentation. The views live with what they are about."""

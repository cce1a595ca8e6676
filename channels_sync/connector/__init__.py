"""The connector made by configuration (自定义API对接): a document says how a shop's JSON API is called and read.

`documents` reads and checks such a document, `values` and `paths` read the shop's rows by it, `reading` makes orders of
them, `requests` builds and signs the calls, `trial` shows on a real sample what would come of it. `versions` keeps
documents and activates them; the client is `adapters/http.py`.
"""

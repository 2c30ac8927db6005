"""The archive: what Wikimedia said and when, kept, read back, compared.

``document`` is what an archive is, ``encoding`` its bytes, ``facts`` what is told of it unread,
``due`` which days want one, ``comparison`` what changed between two, ``rankings`` what its top
lists tell of an article: all pure. ``archiver`` makes archives, ``journal`` keeps how far it
is, ``shelf`` puts them into the store for good; ``index`` tells which there are, ``reader`` reads
them, ``runs`` are those that somebody asks for.
"""

"""The archive: what Wikimedia said and when, kept, read back, compared.

Pure: ``document`` is what an archive is, ``encoding`` its bytes, ``facts`` what is told of it
unread, ``due`` which days want one or lack one, ``check`` what can be wrong with one,
``comparison`` what changed between two, ``rankings`` what top lists tell of an article.

Making: ``archiver`` is the daily job, ``articles_file`` its list, ``journal`` how far it is,
``shelf`` puts archives into the store for good, ``runs`` are those that somebody asks
for, ``successes`` tells how runs end.

Reading: ``index`` tells which there are, ``reader`` reads them, each in a ``deadline``;
``catalogue``, ``differences`` and ``top_lists`` answer callers, ``observations`` helps out where
Wikimedia does not answer.
"""

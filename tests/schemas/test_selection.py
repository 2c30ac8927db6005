"""What the operator writes into ARCHIVE_ARTICLES."""

import pytest

from pageviews_api.schemas.selection import Selection, parse_selection


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("", Selection()),
        ("en.wikipedia/Cat", Selection(articles=(("en.wikipedia", "Cat"),))),
        ("EN.wikipedia.org/AC/DC", Selection(articles=(("en.wikipedia", "AC/DC"),))),
        ("wikidata/Q42", Selection(articles=(("wikidata", "Q42"),))),
        ("en.wikipedia:*", Selection(totals=("en.wikipedia",))),
        ("all-projects:*", Selection(totals=("all-projects",))),
        ("top:100", Selection(top=100)),
        ("top:10|top:20", Selection(top=20)),
        (
            "en.wikipedia/A|en.wikipedia/B b|en.wikipedia/A",
            Selection(articles=(("en.wikipedia", "A"), ("en.wikipedia", "B_b"))),
        ),
        (
            "# the cats\r\n en.wikipedia/Cat \n\nfr.wikipedia/Chat\n",
            Selection(articles=(("en.wikipedia", "Cat"), ("fr.wikipedia", "Chat"))),
        ),
        (
            "en.wikipedia/Talk:Cat/Archive:*",
            Selection(articles=(("en.wikipedia", "Talk:Cat/Archive:*"),)),
        ),
    ],
)
def test_parse_selection__entries(text: str, selection: Selection) -> None:
    """Entries are read in the order of writing, each once; comments and empty ones are skipped."""
    assert parse_selection(text) == selection


@pytest.mark.parametrize(
    "entry",
    ["Cat", "evil.com/Cat", "en.wikipedia/", "en.wikipedia/..", "top:0", "top:1001", "/Cat"],
)
def test_parse_selection__no_entry(entry: str) -> None:
    """What is no entry is refused by its number, and not shown: it may be a secret."""
    with pytest.raises(ValueError, match="entry 2") as refusal:
        parse_selection(f"en.wikipedia/Cat|{entry}")
    assert f"{entry!r}" not in str(refusal.value)


def test_selection__nothing() -> None:
    """A selection of nothing is false."""
    assert not parse_selection(" | \n# nothing\n")


def test_parse_selection__refused_ones_are_left_out() -> None:
    """Who wants to go on takes what is said of each bad entry, and the good ones (F26)."""
    refused: list[str] = []

    selection = parse_selection(
        "en.wikipedia/Cat|CANARY\nevil.com/CANARY\ntop:5\ntop:CANARY\n\nfr.wikipedia:*",
        refused=refused,
    )

    assert selection == Selection((("en.wikipedia", "Cat"),), ("fr.wikipedia",), 5)
    assert [reason.split(" is neither")[0] for reason in refused] == [
        "cannot be read: entry 2",
        "cannot be read: entry 3",
        "cannot be read: entry 5",
    ]
    assert "CANARY" not in "".join(refused)


def test_parse_selection__nothing_refused() -> None:
    """Where all entries have a meaning, nothing is said."""
    refused: list[str] = []

    assert parse_selection("# CANARY\nen.wikipedia/Cat", refused=refused)

    assert refused == []


def test_joined__each_once() -> None:
    """Two selections together name each article once, in order; the longer top list counts."""
    one = parse_selection("en.wikipedia/Cat|en.wikipedia/Dog|fr.wikipedia:*|top:5")
    other = parse_selection("en.wikipedia/Dog|en.wikipedia/Emu|fr.wikipedia:*|de.wikipedia:*")

    assert one.joined(other) == Selection(
        (("en.wikipedia", "Cat"), ("en.wikipedia", "Dog"), ("en.wikipedia", "Emu")),
        ("fr.wikipedia", "de.wikipedia"),
        5,
    )

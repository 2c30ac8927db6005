"""AQS's error body."""

import pytest

from pageviews_api.schemas.aqs_problem import AqsProblem, is_aqs_path


@pytest.mark.parametrize(
    ("raw_path", "uri"),
    [
        (b"/api/rest_v1/metrics/pageviews/x", "/metrics/pageviews/x"),
        (b"/api/rest_v1/metrics/A%2Fb%20c", "/metrics/A%2Fb%20c"),
        (b"/api/rest_v1/metrics/\xff\xc3\xa9\x00\n", "/metrics/%FF%C3%A9%00%0A"),
        (b"/elsewhere", "/elsewhere"),
    ],
)
def test_uri__is_the_path_as_asked(raw_path: bytes, uri: str) -> None:
    """The path comes back as it was sent, without Wikimedia's prefix; raw bytes encoded."""
    problem = AqsProblem.of(404, "Invalid route", method="GET", raw_path=raw_path)
    assert problem.uri == uri


def test_uri__is_cut() -> None:
    """A path of 64 KB is not sent back."""
    problem = AqsProblem.of(404, "", method="GET", raw_path=b"/" * 65_536)
    assert len(problem.uri) == 2_000


@pytest.mark.parametrize(
    ("path", "is_aqs"),
    [
        ("/api/rest_v1/metrics", True),
        ("/api/rest_v1/metrics/", True),
        ("/api/rest_v1/metrics/pageviews/", True),
        ("/api/rest_v1/metricsx", False),
        ("/api/v1/metrics/", False),
    ],
)
def test_path__of_aqs(path: str, is_aqs: bool) -> None:
    """AQS's rules hold below its prefix, and nowhere else."""
    assert is_aqs_path(path) is is_aqs

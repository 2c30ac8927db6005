"""What lives as long as the process."""

from pageviews_api.resources.opening import Resources, open_resources

__all__ = ["Resources", "open_resources"]

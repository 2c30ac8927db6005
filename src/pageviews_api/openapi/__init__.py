"""The OpenAPI document: what the framework knows of the routes, made fit for generators."""

from pageviews_api.openapi.document import describe

__all__ = ["describe"]

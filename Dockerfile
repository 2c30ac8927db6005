# A platform may hand every setting to the build as an argument (Render does). So no ARG here is
# named like a secret: its value would stay in the image's history.

FROM python:3.13-slim AS builder

# The same as in the Makefile.
ARG UV_VERSION=0.13.9
RUN pip install --no-cache-dir "uv==${UV_VERSION}"

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_NO_DEV=1 \
    UV_PYTHON_DOWNLOADS=0

WORKDIR /app

# The dependencies have a layer of their own: they change less often than the code.
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-install-project --no-editable

COPY README.md LICENSE ./
COPY src ./src
RUN uv sync --locked --no-editable


FROM python:3.13-slim

ARG RENDER_GIT_COMMIT=""
LABEL org.opencontainers.image.title="pageviews-api" \
      org.opencontainers.image.description="Wikipedia pageviews: fetched once, kept, and served to all." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${RENDER_GIT_COMMIT}"

# /app/var is the one place that may be written, and only where no bucket is set.
RUN groupadd --system --gid 10001 app \
    && useradd --system --uid 10001 --gid app --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin app \
    && install --directory --owner=app --group=app /app/var

WORKDIR /app
# The path is the builder's: a virtual environment does not like to move.
COPY --from=builder /app/.venv /app/.venv

ENV PATH="/app/.venv/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER 10001:10001
EXPOSE 8000

# slim has no curl. http.client asks no proxy that the environment may name.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8000), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]

# Exec form: the server is process 1 and gets SIGTERM itself.
CMD ["pageviews-api", "serve"]

# syntax=docker/dockerfile:1
# The serving image: the hashed lock without development groups, and the three packages.

FROM python:3.11.14-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

WORKDIR /build
RUN python -m venv /opt/seamark \
    && python -m venv /opt/builder \
    && /opt/builder/bin/pip install hatchling==1.33.0

# Dependencies first: they change less often than the code. Wheels only, so that nothing is compiled here.
COPY requirements.txt ./
RUN /opt/seamark/bin/pip install --only-binary=:all: --require-hashes -r requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY model_store/ model_store/
COPY monitoring/ monitoring/
COPY service/ service/
RUN /opt/builder/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/seamark/bin/pip install --no-deps --no-index dist/*.whl \
    && /opt/seamark/bin/python -m compileall -q /opt/seamark/lib


FROM python:3.11.14-slim-bookworm

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="seamark" \
      org.opencontainers.image.description="An inference microservice that knows when the world has moved" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# One volume holds what must outlive the container: bundles and state, owned by the one user of the image.
RUN groupadd --gid 10001 seamark \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin seamark \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/seamark

# The files stay root's: the service can read them and change none.
COPY --from=build /opt/seamark /opt/seamark

# /tmp and the volume are the only writable places, so the root may be read-only.
ENV PATH=/opt/seamark/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    BENTOML_DO_NOT_TRACK=True \
    SEAMARK_HOST=0.0.0.0 \
    SEAMARK_PORT=3000 \
    SEAMARK_STORE=/var/lib/seamark/models \
    SEAMARK_STATE=/var/lib/seamark/state

USER 10001:10001
WORKDIR /tmp
VOLUME ["/var/lib/seamark"]
EXPOSE 3000

HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['SEAMARK_PORT']}/readyz\", timeout=2)"]

ENTRYPOINT ["seamark", "serve"]

# syntax=docker/dockerfile:1
# The image of `spanq`: one program, the shared libraries it needs, and no compiler.
#
#   docker build -t spanqueue:local .
#   docker run --rm spanqueue:local version
#
# The builder and what runs must have the same Debian, since spanq is linked to its libcurl, libhiredis and libpq.
ARG SWIFT_IMAGE=swift:6.3-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${SWIFT_IMAGE} AS build
# Not pinned: the packages of a Debian release get nothing but fixes, and an old version vanishes from the mirrors.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4-openssl-dev libhiredis-dev libpq-dev libssl-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The dependencies change less often than the sources: fetched in a layer of their own, and kept in a cache.
COPY Package.swift Package.resolved* ./
RUN --mount=type=cache,target=/root/.cache/org.swift.swiftpm,sharing=locked \
    --mount=type=cache,target=/src/.build,sharing=locked \
    swift package resolve
# Package.swift names the tests' targets, so their folders must be there; they are not built.
COPY Sources Sources
COPY Tests Tests
RUN --mount=type=cache,target=/root/.cache/org.swift.swiftpm,sharing=locked \
    --mount=type=cache,target=/src/.build,sharing=locked \
    swift build -c release --static-swift-stdlib --product spanq \
    && install -D -m 0755 .build/release/spanq /out/spanq \
    && strip /out/spanq

FROM ${RUNTIME_IMAGE} AS runtime
# What `ldd` names beyond libc and libstdc++, and the certificates for https. `Tools/deploy/check-image` proves the list.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libcurl4 libhiredis0.14 libpq5 libssl3 libstdc++6 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 spanq \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin spanq
COPY --from=build /out/spanq /usr/local/bin/spanq
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /tmp
ENV HOME=/tmp \
    LANG=C.UTF-8 \
    TZ=Etc/UTC \
    SPANQ_LISTEN=0.0.0.0:9464
EXPOSE 9464
STOPSIGNAL SIGTERM
# Asks /readyz where SPANQ_LISTEN says. A container that runs a command to its end needs none: --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["spanq", "health"]
ENTRYPOINT ["spanq"]
CMD ["--help"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="spanq" \
      org.opencontainers.image.description="SpanQueue: a job queue on Redis that you can look into" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim" \
      org.opencontainers.image.revision="${REVISION}"

# The gateway brings gRPC, which takes minutes to build: only who asks for it waits for that.
#
#   docker build -t spanqueue-gateway:local --target gateway .
FROM build AS build-gateway
RUN --mount=type=cache,target=/root/.cache/org.swift.swiftpm,sharing=locked \
    --mount=type=cache,target=/src/.build,sharing=locked \
    SPANQ_BUILD_GATEWAY=1 swift build -c release --static-swift-stdlib --product spanq-gateway \
    && install -D -m 0755 .build/release/spanq-gateway /out/spanq-gateway \
    && strip /out/spanq-gateway

FROM runtime AS gateway
COPY --from=build-gateway /out/spanq-gateway /usr/local/bin/spanq-gateway
# It serves this container alone until it is told where, and with which certificate and users: docs/grpc.md.
EXPOSE 9466
ENTRYPOINT ["spanq-gateway"]
CMD []

# For Compose: what a worker in Python needs. The worker is mounted.
FROM ${PYTHON_IMAGE} AS python-worker
COPY clients/python /src/python
RUN pip install --no-cache-dir "/src/python[opentelemetry]" opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp

# For Alertmanager's webhook, in Compose: deploy/alertmanager/receiver.py, which runs `spanq enqueue`.
FROM runtime AS alert-receiver
USER 0:0
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001
ENTRYPOINT ["python3"]

# The last stage is what is built where none is named.
FROM runtime AS spanq

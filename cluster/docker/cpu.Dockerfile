# syntax=docker/dockerfile:1
# The head, drivers and row runners of a cluster, and whole runs on machines without GPUs.
#
#   docker build -f cluster/docker/cpu.Dockerfile -t distilray-cpu:0.1.0 .

FROM python:3.12.11-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ git make procps \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/distilray
COPY pyproject.toml README.md LICENSE Makefile ./
COPY scripts scripts
COPY distilray distilray
# The project's own set-up, with its pins and without what only tests need.
RUN --mount=type=cache,target=/root/.cache \
    UV_LINK_MODE=copy make setup EXTRA=cpu DEV=no \
    && .venv/bin/python -m pip uninstall --yes uv \
    && rm .venv/setup.log
COPY jobs jobs

FROM python:3.12.11-slim-bookworm
# wget, grep and bash: KubeRay's probes call them, and may do so in a login shell, which has a PATH of its own.
# No compiler: `compile: true` and DeepSpeed on CPUs need one (g++).
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 libnuma1 procps wget \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home ray \
    && install -d -o ray -g ray /runs /weights \
    && echo 'export PATH=/opt/distilray/.venv/bin:$PATH' >/etc/profile.d/distilray.sh
COPY --from=build /opt/distilray /opt/distilray
ENV PATH=/opt/distilray/.venv/bin:$PATH
USER 1000:1000
WORKDIR /home/ray
CMD ["distilray", "--help"]

# syntax=docker/dockerfile:1
# Engines and trainings on NVIDIA GPUs. CUDA's libraries come with the wheels, the driver from the machine.
#
#   docker build -f cluster/docker/gpu.Dockerfile -t distilray-gpu:0.1.0 .

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
    UV_LINK_MODE=copy make setup EXTRA=gpu DEV=no \
    && .venv/bin/python -m pip uninstall --yes uv \
    && rm .venv/setup.log
COPY jobs jobs

FROM python:3.12.11-slim-bookworm
# wget, grep and bash: KubeRay's probes call them, and may do so in a login shell, which has a PATH of its own. g++:
# Triton and DeepSpeed compile what they launch. libibverbs and librdmacm: NCCL between nodes.
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ ibverbs-providers libgomp1 libibverbs1 libnuma1 librdmacm1 procps wget \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home ray \
    && install -d -o ray -g ray /runs /weights \
    && echo 'export PATH=/opt/distilray/.venv/bin:$PATH' >/etc/profile.d/distilray.sh
COPY --from=build /opt/distilray /opt/distilray
ENV PATH=/opt/distilray/.venv/bin:$PATH \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000:1000
WORKDIR /home/ray
CMD ["distilray", "--help"]

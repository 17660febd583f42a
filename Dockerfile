# One image for every service: `docker run IMAGE serve router`. It needs no writable root and no privileges.
FROM python:3.12-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/run.lock /build/run.lock
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes --requirement /build/run.lock
COPY services /app/services
COPY shared /app/shared
COPY tollway /app/tollway
# A read-only root cannot keep bytecode, so it is made here.
RUN /opt/venv/bin/python -m compileall -q /app

FROM python:3.12-slim

RUN groupadd --gid 10001 tollway \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin tollway \
    && install -d -o tollway -g tollway /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
COPY LICENSE /app/LICENSE

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TOLLWAY_DATA_DIR=/data \
    TOLLWAY_ALIVE_FILE=/tmp/tollway-alive
WORKDIR /app
USER 10001:10001
VOLUME ["/data"]
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "tollway.alive"]
ENTRYPOINT ["python", "-m", "tollway"]
CMD ["--help"]

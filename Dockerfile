# The server: web, MCSP listener and alerts from one image (compose.yaml).
FROM python:3.13-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc pkg-config libmariadb-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY station station
COPY drivers drivers
COPY mcsp mcsp
COPY simulator simulator
COPY evcs evcs
RUN python -m venv /opt/evcs \
 && /opt/evcs/bin/pip install --no-cache-dir -c constraints.txt '.[server,postgresql,mariadb]'

FROM python:3.13-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends libmariadb3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 990 --groups dialout --home-dir /srv/evcs evcs
COPY --from=build /opt/evcs /opt/evcs
WORKDIR /srv/evcs
COPY server server
ENV PATH=/opt/evcs/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    EVCS_LOG=json \
    EVCS_STATIC_ROOT=/srv/static
RUN python -m server.manage collectstatic --noinput
USER evcs
EXPOSE 8000
CMD ["gunicorn", "server.wsgi", "--config", "python:server.gunicorn", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--keep-alive", "75", "--no-control-socket"]

# One image for every process: the command says which (imcore serve, imcore worker, imcore migrate).

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv && uv venv /opt/imcore
ENV VIRTUAL_ENV=/opt/imcore
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN uv pip sync --no-cache --require-hashes requirements/run.txt
COPY pyproject.toml README.md ./
COPY src src
COPY migrations migrations
RUN uv pip install --no-cache --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home imcore
COPY --from=build /opt/imcore /opt/imcore
ENV PATH=/opt/imcore/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    IM_DATA_DIR=/data
USER imcore
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
CMD ["imcore", "serve", "--host", "0.0.0.0"]

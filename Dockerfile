# Two stages: the first has the tools that build, the second only what runs. Every dependency is pinned by hash.
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN uv venv /opt/greenlight
ENV VIRTUAL_ENV=/opt/greenlight
WORKDIR /src
# Dependencies first: this layer stays while only our own code changes. The build backend comes from the dev
# lock, hashes included, and stays behind in this stage.
COPY requirements.txt requirements-dev.txt ./
RUN uv pip install --require-hashes -r requirements.txt \
 && uv venv /opt/build \
 && VIRTUAL_ENV=/opt/build uv pip install --require-hashes -r requirements-dev.txt
COPY pyproject.toml ./
COPY alembic alembic
COPY events events
COPY projections projections
COPY service service
RUN /opt/build/bin/python -m hatchling build -t wheel -d /tmp/dist \
 && uv pip install --no-deps /tmp/dist/*.whl

FROM python:3.13-slim
# An account by name as well, since initdb (the embedded PostgreSQL, without DATABASE_URL) asks for one.
RUN useradd --uid 10001 --create-home greenlight
COPY --from=build /opt/greenlight /opt/greenlight
ENV PATH=/opt/greenlight/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /home/greenlight
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["greenlight", "serve", "--host", "0.0.0.0", "--port", "8000"]

# ovlab with what it needs, for a user without rights; runs the quickstart without a network:
#
#   docker build -t ovlab .
#   docker run --rm --network none -v "$PWD/results:/home/ovlab/results" ovlab
#
# Arguments go to Snakemake: docker run ... ovlab --config experiment=NAME mirror=/data
FROM python:3.11-slim-bookworm AS packages
WORKDIR /home/ovlab
RUN python -m venv /opt/ovlab
COPY requirements.lock .
RUN /opt/ovlab/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.11-slim-bookworm
RUN useradd --uid 1000 --create-home ovlab
COPY --from=packages /opt/ovlab /opt/ovlab
WORKDIR /home/ovlab
COPY --chown=ovlab Snakefile pyproject.toml README.md LICENSE ./
COPY --chown=ovlab conf conf
COPY --chown=ovlab profiles profiles
COPY --chown=ovlab resources resources
COPY --chown=ovlab scripts scripts
COPY --chown=ovlab src src
COPY --chown=ovlab workflow workflow
# setuptools is in the lock: nothing is fetched here.
RUN /opt/ovlab/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --editable . \
    && mkdir results && chown -R ovlab:ovlab /home/ovlab
USER ovlab
ENV PATH=/opt/ovlab/bin:$PATH HOME=/home/ovlab
ENTRYPOINT ["snakemake", "--cores", "all"]
CMD ["--config", "experiment=quickstart"]

# The reward server: no torch, no shell access needed, an ordinary user, everything but /tmp read-only.
FROM python:3.11-slim-bookworm
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
WORKDIR /opt/assay
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY reward_server reward_server
COPY sandbox sandbox
COPY trainer_client trainer_client
RUN python -m pip install --quiet -c constraints.txt '.[server]' \
 && useradd --system --uid 10001 --no-create-home assay
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["reward-server"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]

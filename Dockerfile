# The reward server and its code workers: no torch, no shell access needed, an ordinary user, all but /tmp read-only.
FROM python:3.11-slim-bookworm
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
# Debian packages of the languages besides Python and Bash. C and C++ by default (about 330 MB with what is prepared);
# all of them: --build-arg CODE_PACKAGES="g++ nodejs default-jdk-headless golang rustc"; none: CODE_PACKAGES="".
ARG CODE_PACKAGES="g++"
# Extras of the server: `lang` tells languages of one script apart (80 MB); `puzzles` brings reasoning-gym's verifiers.
ARG EXTRAS="server,lang"
RUN if [ -n "$CODE_PACKAGES" ]; then \
      apt-get update -q && apt-get install -y -q --no-install-recommends $CODE_PACKAGES && rm -rf /var/lib/apt/lists/*; \
    fi
WORKDIR /opt/assay
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY reward_server reward_server
COPY sandbox sandbox
COPY trainer_client trainer_client
# What compilers would make at their first use, precompiled headers above all, is made here.
RUN python -m pip install --quiet -c constraints.txt ".[$EXTRAS]" \
 && sandbox prepare --to /opt/assay/toolchains \
 && chmod -R a+rX /opt/assay/toolchains \
 && useradd --system --uid 10001 --no-create-home assay
ENV REWARD_SERVER_SANDBOX_TOOLCHAIN_DIR=/opt/assay/toolchains
USER 10001:10001
EXPOSE 8080 8081
ENTRYPOINT ["reward-server"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]

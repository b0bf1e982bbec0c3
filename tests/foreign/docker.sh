#!/bin/sh
# Calls an engine with the docker command, and prints the same output in every run: docker.sh NAME IMAGE
# NAME is the prefix of all names; IMAGE is in a registry without a password. DOCKER is the command.
set -eu
name=$1 image=$2
docker() { command "${DOCKER:-docker}" "$@"; }
step() { echo "== $*"; }

work=$(mktemp -d)
events=
trap '[ -z "$events" ] || kill "$events" 2>/dev/null || :; rm -rf "$work"' EXIT
cd "$work"
export DOCKER_CONFIG="$work/config" DOCKER_BUILDKIT=0 DOCKER_CLI_HINTS=false
mkdir config context
echo hello >context/file
printf 'FROM busybox\nCOPY file /file\nRUN cat /file\nLABEL foreign=yes\n' >context/Dockerfile
chmod 644 context/* && chmod 755 context
touch -d 2024-01-02T03:04:05Z context/* context

step events, open all along
"${DOCKER:-docker}" events --filter "label=foreign=$name" --format '{{.Type}} {{.Action}}' >heard &
events=$!
sleep 1

step version
docker version --format '{{.Server.Os}}/{{.Server.Arch}}'
step pull
docker pull -q "$image"
docker image inspect "$image" --format '{{.Os}} {{.Config.Cmd}}'
docker rmi "$image" >/dev/null
step create, start, inspect
docker create -i --name "${name}_one" --label "foreign=$name" busybox sh -c 'echo out; sleep 0.3; echo err >&2; sleep 600'
docker start "${name}_one"
docker inspect "${name}_one" --format '{{.State.Status}} {{.Config.Image}}'
docker ps --filter "name=${name}_one" --format '{{.Names}} {{.Image}}'
step exec
docker exec "${name}_one" echo plain
echo 'to be read' | docker exec -i "${name}_one" cat
docker exec -t "${name}_one" echo terminal
docker exec "${name}_one" sh -c 'echo wrong >&2; exit 7' || echo "code $?"
step logs
docker logs "${name}_one"
step stats
docker stats --no-stream --format '{{.Container}} {{.PIDs}}' "${name}_one"
step cp
docker cp context/file "${name}_one:/tmp/file"
docker cp "${name}_one:/tmp/file" back
cat back
docker diff "${name}_one" | grep file
step logs, followed
docker run -d --name "${name}_two" busybox sh -c 'for i in 1 2 3; do echo line $i; sleep 0.4; done'
docker logs -f "${name}_two"
step attach
docker run -d --name "${name}_three" busybox sh -c 'sleep 2; echo from within; exit 3'
docker attach --no-stdin "${name}_three" || echo "code $?"
step run
echo 'typed in' | docker run -i --rm --name "${name}_four" busybox cat
docker run --rm busybox sh -c 'exit 5' || echo "code $?"
step kill, wait
docker kill "${name}_one" # long before it is removed: Podman cleans up behind it in its own time
docker wait "${name}_one"
step build
docker build -q --no-cache -t "${name}_image" context
docker run --rm "${name}_image" cat /file
step networks and volumes
docker network create "${name}_net"
docker volume create "${name}_vol"
docker network rm "${name}_net"
docker volume rm "${name}_vol"
step a thing that is not there
docker inspect "${name}_none" || echo "code $?"
step remove
docker rmi "${name}_image" >/dev/null
docker rm "${name}_one"
docker rm -f "${name}_two" "${name}_three"

step events
until grep -qE "destroy|remove" heard; do sleep 0.1; done
kill "$events"; events=
cat heard

#!/bin/sh
# A complete agent in curl and jq that uses only the documented API. Read it, port it, or start your own agent from it.
#   MUSTER_URL=http://127.0.0.1:3000 MUSTER_ENROLL_TOKEN=muster_enroll_… sh examples/agent.sh
set -eu
umask 077
socket=${DOCKER_SOCKET:-/var/run/docker.sock}
token=${AGENT_TOKEN_FILE:-$HOME/.muster-agent-token}
body=$(mktemp) && trap 'rm -f "$body"' EXIT && trap 'exit 143' TERM

engine() { curl -fsS --max-time 15 --unix-socket "$socket" "http://engine$1"; }
post() { # post TOKEN PATH [CURL-OPTION]: reads the body from stdin. Neither the token nor the body shows in the process list.
  cat >"$body"
  printf 'header = "Authorization: Bearer %s"\n' "$1" |
    curl -sS --max-time 20 -K - -H 'Content-Type: application/json' --data-binary "@$body" "$MUSTER_URL$2" ${3:-}
}

if [ ! -s "$token" ]; then # enrolling again with the same engineId returns the same host; a real agent uses another engineId
  engine /version | jq --argjson info "$(engine /info)" '{name: $info.Name, engineId: ("agent.sh-" + $info.ID), arch: .Arch,
    os: $info.OperatingSystem, agentVersion: "agent.sh", engine: {name: "Docker", version: .Version, apiVersion: .ApiVersion}}' |
    post "$MUSTER_ENROLL_TOKEN" /api/agent/enroll | jq -er '.agentToken // error(.detail)' >"$token"
fi
while :; do # sorted: an unchanged state has the same bytes, which costs the API almost nothing
  if list=$(engine '/containers/json?all=1') && list=$(printf '%s' "$list" | jq -ce 'map({dockerId: .Id, name: ((.Names[0] // .Id) | ltrimstr("/")),
      image: .Image, imageId: .ImageID, command: .Command, state: .State, status: .Status, labels: (.Labels // {}),
      ports: ([.Ports[]? | {ip: .IP, privatePort: .PrivatePort, publicPort: .PublicPort, type: .Type} | del(..|nulls)] | sort_by(tojson))
    }) | sort_by(.dockerId)'); then
    answer=$(printf '%s' "$list" | post "$(cat "$token")" /api/agent/containers -f) || answer='{}'
  else # if the engine cannot be listed, report an error and never an empty snapshot
    answer=$(echo '{"digest": null, "engineError": "the engine does not answer"}' | post "$(cat "$token")" /api/agent/heartbeat -f) || answer='{}'
  fi
  sleep "$(printf '%s' "$answer" | jq '.cadence.heartbeatSeconds // 30')" & wait $!
done

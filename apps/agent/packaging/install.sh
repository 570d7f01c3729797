#!/bin/sh
# Installs the Muster agent on this machine, updates it or removes it. Running it again changes only what is outdated.
# The API that serves this script inserts its own address and its release's checksums.
set -eu

MUSTER_URL_DEFAULT=''
CHECKSUMS=''

usage() {
  cat <<'END'
Usage: install.sh [--token muster_enroll_…] [--url URL] [--prefix DIR] [--no-service]
       install.sh --uninstall

  --token T      the enrollment token; use MUSTER_ENROLL_TOKEN if other users can read this machine's process list.
                 Not needed, and not used, if the agent already runs and reports to this API
  --url URL      the API to report to, if it is not the one that served this script
  --prefix DIR   install bin/muster-agent below DIR (default: /usr/local)
  --no-service   install, enroll and report once, but set up no service to keep the agent running
  --uninstall    revoke this host's token and remove the agent, its state and its settings
  --root DIR     install everything below DIR instead of /, create no user and start no service
END
}

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

part=
stopped=no
changed=no

# Removes a partial download and restarts a service that was stopped, however the script ends.
clean_up() {
  [ -z "$part" ] || rm -f "$part"
  if [ "$stopped" = yes ]; then
    give_state_to_service || true
    systemctl start muster-agent || warn 'the service muster-agent could not be restarted: run systemctl start muster-agent'
  fi
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

has() { command -v "$1" >/dev/null 2>&1; }

fetch() { # URL FILE
  if has curl; then
    curl -fsSL --retry 3 -o "$2" "$1"
  elif has wget; then
    wget -q -O "$2" "$1"
  else
    die 'needs curl or wget'
  fi
}

sha256() { # FILE
  if has sha256sum; then
    sha256sum "$1" | cut -d ' ' -f 1
  elif has shasum; then
    shasum -a 256 "$1" | cut -d ' ' -f 1
  elif has openssl; then
    openssl dgst -sha256 -r "$1" | cut -d ' ' -f 1
  else
    die 'needs sha256sum, shasum or openssl'
  fi
}

expected() { # NAME
  printf '%s\n' "$CHECKSUMS" | while read -r sum name; do
    if [ "$name" = "$1" ]; then printf '%s\n' "$sum"; fi
  done
}

# Installs a file of the release, unless it is already installed. Refuses a file with another checksum, and an
# executable that does not run on this machine.
obtain() { # NAME TARGET
  want=$(expected "$1")
  [ -n "$want" ] || die "this release does not contain $1"
  if [ -f "$2" ] && [ "$(sha256 "$2")" = "$want" ]; then return; fi
  mkdir -p "$(dirname "$2")"
  part="$2.part.$$"
  fetch "$source/agent-release/$1" "$part" || die "cannot fetch $source/agent-release/$1"
  got=$(sha256 "$part")
  [ "$got" = "$want" ] || die "$1 has the checksum $got instead of $want: nothing was installed"
  if [ "$1" != "${1#muster-agent-linux-}" ]; then
    chmod 755 "$part"
    "$part" version >/dev/null || die "$1 does not run on this machine: nothing was installed"
  else
    chmod 644 "$part"
  fi
  mv -f "$part" "$2"
  part=
  changed=yes
  say "Installed $2"
}

architecture() {
  [ "$(uname -s)" = Linux ] || die "there is no agent for $(uname -s)"
  case $(uname -m) in
    x86_64 | amd64) say x64 ;;
    aarch64 | arm64) say arm64 ;;
    *) die "there is no agent for $(uname -m)" ;;
  esac
}

runs_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ] && has systemctl; }

make_user() {
  [ -z "$root" ] || return 0
  id muster-agent >/dev/null 2>&1 && return 0
  shell=/usr/sbin/nologin
  [ -x $shell ] || shell=/bin/false
  if has useradd; then
    useradd --system --user-group --no-create-home --home-dir /var/lib/muster-agent --shell $shell muster-agent
  else
    adduser -S -D -H -h /var/lib/muster-agent -s $shell muster-agent
  fi
}

# Prints the group of the engine's socket, which gives an unprivileged user access to it.
socket_group() {
  for socket in /var/run/docker.sock /run/podman/podman.sock; do
    if [ -S "$socket" ]; then
      stat -c %G "$socket"
      return
    fi
  done
}

make_config() {
  mkdir -p "$(dirname "$config")"
  [ -f "$config" ] || printf '# Settings of the Muster agent. To list all settings: muster-agent config\n' >"$config"
}

# Writes MUSTER_URL once the machine is enrolled there. All other lines of the file are left unchanged.
write_config() {
  if grep -q '^MUSTER_URL=' "$config"; then
    [ "$(grep '^MUSTER_URL=' "$config")" != "MUSTER_URL=$url" ] || return 0
    kept=$(grep -v '^MUSTER_URL=' "$config" || true)
    printf '%s\nMUSTER_URL=%s\n' "$kept" "$url" >"$config.part"
    mv -f "$config.part" "$config"
  else
    printf 'MUSTER_URL=%s\n' "$url" >>"$config"
  fi
  changed=yes
}

# -h: the unprivileged user owns the state directory, and a link in it must not lead root to another file.
give_state_to_service() { [ -n "$root" ] || chown -hR muster-agent "$state"; }

agent() {
  MUSTER_URL=$url MUSTER_ENROLL_TOKEN=$token MUSTER_STATE_DIR=$state MUSTER_CONFIG=$config LOG_LEVEL=warn \
    "$binary" "$@"
}

is_enrolled_at() { grep -qiF "\"musterUrl\": \"$1" "$state/agent.json" 2>/dev/null; }

# Enrolls and reports once, so that the host is visible when the script ends. A failure changes nothing.
enroll() {
  if runs_systemd && systemctl is-active --quiet muster-agent; then
    stopped=yes
    systemctl stop muster-agent
  fi
  agent once || die "this machine could not report to $url; to find out why, run: $binary doctor"
}

install_unit() {
  before=$changed
  obtain muster-agent.service "$unit.orig"
  changed=$before
  group=$(socket_group)
  if [ "$group" = root ]; then
    warn 'only root can access the engine’s socket: change its group, or set DOCKER_HOST to a socket proxy'
    group=
  fi
  if [ -n "$group" ]; then groups="SupplementaryGroups=$group"; else groups='# no group for the engine'; fi
  sed -e "s|^ExecStart=/usr/local/bin/|ExecStart=$prefix/bin/|" -e "s|^SupplementaryGroups=.*|$groups|" \
    "$unit.orig" >"$unit.part"
  rm -f "$unit.orig"
  if cmp -s "$unit.part" "$unit"; then
    rm -f "$unit.part"
    return
  fi
  mv -f "$unit.part" "$unit"
  changed=yes
  systemctl daemon-reload
}

do_install() {
  arch=$(architecture)
  obtain "muster-agent-linux-$arch" "$binary"
  make_user
  make_config
  mkdir -p "$state"
  chmod 700 "$state"
  give_state_to_service
  if is_enrolled_at "$url\""; then
    # Enrolls only if the agent reports a problem: its token may have been rejected.
    if [ -n "$token" ] && ! agent status >/dev/null 2>&1; then enroll; fi
  elif [ -n "$token" ]; then
    enroll
  elif is_enrolled_at ''; then
    die "this machine is enrolled at another address than $url: to enroll it there, run the script again with --token"
  else
    warn 'this machine is not enrolled: run the script again with --token'
  fi
  give_state_to_service
  write_config
  if is_enrolled_at "$url\""; then say "This machine is enrolled at $url"; fi
  if [ "$service" = yes ] && runs_systemd; then
    install_unit
    systemctl enable --quiet muster-agent
    if [ "$changed" = yes ]; then systemctl restart muster-agent; else systemctl start muster-agent; fi
    stopped=no
    say 'The agent runs as the service muster-agent'
  else
    say "Keep it running with: MUSTER_STATE_DIR=$state MUSTER_CONFIG=$config $binary run"
  fi
}

do_uninstall() {
  if runs_systemd && [ -f "$unit" ]; then
    systemctl disable --quiet --now muster-agent || true
    rm -f "$unit"
    systemctl daemon-reload
  fi
  if [ -x "$binary" ] && [ -f "$state/agent.json" ]; then
    MUSTER_STATE_DIR=$state MUSTER_CONFIG=$config "$binary" leave ||
      warn 'this host’s token was not revoked: delete the host in Muster'
  fi
  rm -f "$binary"
  rm -rf "$state" "$(dirname "$config")"
  if [ -z "$root" ] && id muster-agent >/dev/null 2>&1; then
    if has userdel; then userdel muster-agent; else deluser muster-agent; fi
  fi
  say 'The agent was removed'
}

main() {
  url=$MUSTER_URL_DEFAULT
  token=${MUSTER_ENROLL_TOKEN:-}
  prefix=/usr/local
  root=
  service=yes
  action=install
  while [ $# -gt 0 ]; do
    case $1 in
      --token | --url | --prefix | --root)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
          --token) token=$2 ;;
          --url) url=${2%/} ;;
          --prefix) prefix=${2%/} ;;
          --root) root=${2%/} ;;
        esac
        shift
        ;;
      --no-service) service=no ;;
      --uninstall) action=uninstall ;;
      -h | --help)
        usage
        return
        ;;
      *) die "unknown option $1 (see --help)" ;;
    esac
    shift
  done
  source=${MUSTER_URL_DEFAULT:-$url}
  binary=$root$prefix/bin/muster-agent
  state=$root/var/lib/muster-agent
  config=$root/etc/muster-agent/config
  unit=/etc/systemd/system/muster-agent.service
  if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then die 'must run as root (sudo), or with --root DIR'; fi
  if [ $action = uninstall ]; then
    do_uninstall
    return
  fi
  [ -n "$url" ] || die 'no API address: fetch this script from the API, or set --url'
  [ -n "$CHECKSUMS" ] || die 'this script contains no checksums: fetch it from an API that serves an agent release'
  do_install
}

# Last line, so that a script that was cut off during download does nothing.
main "$@"

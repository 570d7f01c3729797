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

  --token T      the enrollment token; set MUSTER_ENROLL_TOKEN instead if other users can read this machine's process
                 list. The token is not required, and is ignored, if the agent already runs and reports to this API
  --url URL      the API to report to, if it is not the one that served this script
  --prefix DIR   install bin/muster-agent below DIR (default: /usr/local)
  --no-service   install, enroll and report once, but do not set up a service
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

partial_file=
service_was_stopped=no
changed=no

# Runs whenever the script ends. Removes a partial download, and restarts the service if the script stopped it.
clean_up() {
  [ -z "$partial_file" ] || rm -f "$partial_file"
  if [ "$service_was_stopped" = yes ]; then
    chown_state_to_service_user || true
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

expected_checksum() { # NAME
  printf '%s\n' "$CHECKSUMS" | while read -r sum name; do
    if [ "$name" = "$1" ]; then printf '%s\n' "$sum"; fi
  done
}

# Installs a file of the release, unless it is already installed. Rejects a file with an unexpected checksum and an
# executable that does not run on this machine.
install_file() { # NAME TARGET
  expected=$(expected_checksum "$1")
  [ -n "$expected" ] || die "this release does not contain $1"
  if [ -f "$2" ] && [ "$(sha256 "$2")" = "$expected" ]; then return; fi
  mkdir -p "$(dirname "$2")"
  partial_file="$2.part.$$"
  fetch "$source/agent-release/$1" "$partial_file" || die "cannot fetch $source/agent-release/$1"
  actual=$(sha256 "$partial_file")
  [ "$actual" = "$expected" ] || die "$1 has the checksum $actual instead of $expected: nothing was installed"
  if [ "$1" != "${1#muster-agent-linux-}" ]; then
    chmod 755 "$partial_file"
    "$partial_file" version >/dev/null || die "$1 does not run on this machine: nothing was installed"
  else
    chmod 644 "$partial_file"
  fi
  mv -f "$partial_file" "$2"
  partial_file=
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

create_user() {
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

# Prints the group that owns the engine's socket. An unprivileged user in this group has access to the socket.
socket_group() {
  for socket in /var/run/docker.sock /run/podman/podman.sock; do
    if [ -S "$socket" ]; then
      stat -c %G "$socket"
      return
    fi
  done
}

create_config() {
  mkdir -p "$(dirname "$config")"
  [ -f "$config" ] || printf '# Settings of the Muster agent. To list all settings: muster-agent config\n' >"$config"
}

# Sets MUSTER_URL in the configuration file and leaves all other lines unchanged. Must be called after `enroll`, because
# a failed enrollment must not change the settings.
write_config() {
  if grep -q '^MUSTER_URL=' "$config"; then
    [ "$(grep '^MUSTER_URL=' "$config")" != "MUSTER_URL=$url" ] || return 0
    other_lines=$(grep -v '^MUSTER_URL=' "$config" || true)
    printf '%s\nMUSTER_URL=%s\n' "$other_lines" "$url" >"$config.part"
    mv -f "$config.part" "$config"
  else
    printf 'MUSTER_URL=%s\n' "$url" >>"$config"
  fi
  changed=yes
}

# The flag -h prevents chown from following symbolic links, which the unprivileged owner of the state directory could
# point at other files.
chown_state_to_service_user() { [ -n "$root" ] || chown -hR muster-agent "$state"; }

agent() {
  MUSTER_URL=$url MUSTER_ENROLL_TOKEN=$token MUSTER_STATE_DIR=$state MUSTER_CONFIG=$config LOG_LEVEL=warn \
    "$binary" "$@"
}

is_enrolled_at() { grep -qiF "\"musterUrl\": \"$1" "$state/agent.json" 2>/dev/null; }

# Enrolls and reports once, so that the host is visible when the script ends. Exits if that fails, before any setting is
# changed.
enroll() {
  if runs_systemd && systemctl is-active --quiet muster-agent; then
    service_was_stopped=yes
    systemctl stop muster-agent
  fi
  agent once || die "this machine could not report to $url; to find out why, run: $binary doctor"
}

install_unit() {
  changed_before=$changed
  install_file muster-agent.service "$unit.orig"
  changed=$changed_before
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
  install_file "muster-agent-linux-$arch" "$binary"
  create_user
  create_config
  mkdir -p "$state"
  chmod 700 "$state"
  chown_state_to_service_user
  if is_enrolled_at "$url\""; then
    # Enrolls again only if the agent is not running or reports a problem, because its token may have been rejected.
    if [ -n "$token" ] && ! agent status >/dev/null 2>&1; then enroll; fi
  elif [ -n "$token" ]; then
    enroll
  elif is_enrolled_at ''; then
    die "this machine is enrolled at an address other than $url: to enroll it there, run the script again with --token"
  else
    warn 'this machine is not enrolled: run the script again with --token'
  fi
  chown_state_to_service_user
  write_config
  if is_enrolled_at "$url\""; then say "This machine is enrolled at $url"; fi
  if [ "$service" = yes ] && runs_systemd; then
    install_unit
    systemctl enable --quiet muster-agent
    if [ "$changed" = yes ]; then systemctl restart muster-agent; else systemctl start muster-agent; fi
    service_was_stopped=no
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

# This is the last line, so that a partially downloaded script does nothing.
main "$@"

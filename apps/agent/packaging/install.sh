#!/bin/sh
# Installs the Muster agent on this machine, or removes it. Run again it brings things up to date, and changes nothing
# that is as it should be. The API that serves this script puts its own address and its release's checksums in.
set -eu

MUSTER_URL_DEFAULT=''
CHECKSUMS=''

usage() {
  cat <<'END'
Usage: install.sh [--token muster_enroll_…] [--url URL] [--prefix DIR] [--no-service]
       install.sh --uninstall

  --token T      the enrollment token; MUSTER_ENROLL_TOKEN where others can read this machine's process list.
                 Not needed, and not used, where the agent runs and reports to this API already
  --url URL      the API to report to, where that is not the one that served this script
  --prefix DIR   where bin/muster-agent goes (default: /usr/local)
  --no-service   install, enrol and report once, but leave it to you to keep the agent running
  --uninstall    give this host's token up and remove the agent, its state and its settings
  --root DIR     put everything below DIR in place of /, create no user and start no service
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

# Leaves nothing half done behind, whatever ended the script: a service that was stopped runs again.
clean_up() {
  [ -z "$part" ] || rm -f "$part"
  if [ "$stopped" = yes ]; then
    give_state_to_service || true
    systemctl start muster-agent || warn 'the service muster-agent could not be started again'
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

# Puts a file of the release in its place, unless it is there already. A file with another checksum goes nowhere, nor
# does an executable that does not run on this machine.
obtain() { # NAME TARGET
  want=$(expected "$1")
  [ -n "$want" ] || die "this release has no $1"
  if [ -f "$2" ] && [ "$(sha256 "$2")" = "$want" ]; then return; fi
  mkdir -p "$(dirname "$2")"
  part="$2.part.$$"
  fetch "$source/agent-release/$1" "$part" || die "cannot fetch $source/agent-release/$1"
  got=$(sha256 "$part")
  [ "$got" = "$want" ] || die "$1 has the checksum $got, and must have $want: nothing was installed"
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

# The group of the engine's socket, by which an unprivileged user may use it.
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
  [ -f "$config" ] || printf '# Settings of the Muster agent: muster-agent config shows them all.\n' >"$config"
}

# One line of the settings is this script's, and is written once the machine is enrolled there. The others are left alone.
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

# -h: a link in the state directory, which is the unprivileged user's, must not lead root to another file.
give_state_to_service() { [ -n "$root" ] || chown -hR muster-agent "$state"; }

agent() {
  MUSTER_URL=$url MUSTER_ENROLL_TOKEN=$token MUSTER_STATE_DIR=$state MUSTER_CONFIG=$config LOG_LEVEL=warn \
    "$binary" "$@"
}

is_enrolled_at() { grep -qiF "\"musterUrl\": \"$1" "$state/agent.json" 2>/dev/null; }

# Enrolls and reports once, so that the host is there to be seen when this ends. One that fails changes nothing.
enroll() {
  if runs_systemd && systemctl is-active --quiet muster-agent; then
    stopped=yes
    systemctl stop muster-agent
  fi
  agent once || die "this machine could not report to $url; ask: $binary doctor"
}

install_unit() {
  before=$changed
  obtain muster-agent.service "$unit.orig"
  changed=$before
  group=$(socket_group)
  if [ "$group" = root ]; then
    warn 'the engine’s socket is for root alone: give it a group, or name a socket proxy with DOCKER_HOST'
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
    # The agent's own answer, for a token that the API refuses is what a new enrollment token is for.
    if [ -n "$token" ] && ! agent status >/dev/null 2>&1; then enroll; fi
  elif [ -n "$token" ]; then
    enroll
  elif is_enrolled_at ''; then
    die "this machine is enrolled at another address than $url: run this again with --token to enroll it there"
  else
    warn 'not enrolled: run this again with --token'
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
      warn 'the API could not be told: delete the host there'
  fi
  rm -f "$binary"
  rm -rf "$state" "$(dirname "$config")"
  if [ -z "$root" ] && id muster-agent >/dev/null 2>&1; then
    if has userdel; then userdel muster-agent; else deluser muster-agent; fi
  fi
  say 'The agent is removed'
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
      *) die "there is no option $1 (--help tells which there are)" ;;
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
  [ -n "$url" ] || die 'which API? Fetch this script from it, or name it with --url'
  [ -n "$CHECKSUMS" ] || die 'has no checksums: fetch this script from an API that serves a release'
  do_install
}

# At the end, so that a script that was cut off on its way does nothing.
main "$@"

#!/bin/sh
# Installs the Muster agent on this machine, updates it or removes it. Running it again changes only what is outdated.
# The API that serves this script inserts its own address and its release's checksums.
set -eu

MUSTER_URL_DEFAULT=''
CHECKSUMS=''

# Maximum time until an updated agent reports.
REPORT_SECONDS=60

# Settings that are written to the configuration file if this script's environment contains them.
KEPT_SETTINGS='DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_API_VERSION HTTPS_PROXY HTTP_PROXY NO_PROXY
MUSTER_CA_FILE SSL_CERT_FILE NODE_EXTRA_CA_CERTS MUSTER_REDACT_NAMES MUSTER_REDACT_VALUES MUSTER_ENGINE_TIMEOUT
MUSTER_HOST_NAME MUSTER_HOST_LABELS'

usage() {
  cat <<'END'
Usage: install.sh [--token muster_enroll_…] [--url URL] [--name NAME] [--labels LABELS] [--prefix DIR] [--no-service]
                  [--auto-update]
       install.sh --uninstall

  --token T      the enrollment token; set MUSTER_ENROLL_TOKEN instead if other users can read this machine's process
                 list. The token is not required, and is ignored, if the agent already runs and reports to this API
  --url URL      the address of the API, if it is not the one in this script; the files are also downloaded from there
  --name NAME    the host’s name in Muster, if it is not the machine's own
  --labels L     the host’s labels in Muster, such as env=prod,site=fra
  --prefix DIR   install bin/muster-agent below DIR (default: /usr/local)
  --no-service   install, enroll and report once, but do not set up a service
  --auto-update  update the agent once a day (muster-agent-update.timer, only with systemd)
  --uninstall    revoke this host's token and remove the agent, its state and its settings
  --root DIR     install everything below DIR instead of /, create no user and start no service

With systemd or OpenRC, the agent runs as the service muster-agent.

The script copies the settings of the host, engine, proxies, certificates and redaction from its environment (DOCKER_HOST,
HTTPS_PROXY, MUSTER_CA_FILE and so on: see `muster-agent help`) to /etc/muster-agent/config. Because sudo removes such
variables, write them after sudo: sudo DOCKER_HOST=tcp://127.0.0.1:2375 sh -s -- --token …

If this machine is enrolled and the API has a new address, fetch the script from there: no token is needed.
END
}

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

partial_file=
ca_file=
changed=no
finished=no
config_is_new=no
service_was_stopped=no
# The process of an agent outside the service that the script stopped, the user of that agent, and the owner of its
# state.
stopped_agent=
stopped_user=
stopped_owner=
# The replaced files, separated by bars. Their previous versions are kept until the script has succeeded.
kept='|'

# Runs whenever the script ends. If the script did not finish, restores what it replaced. Starts the service again if
# the script stopped it.
clean_up() {
  set +e
  [ -z "$partial_file" ] || rm -f "$partial_file"
  if [ "$kept" != '|' ]; then
    if [ "$finished" = yes ]; then delete_previous_files; else restore_previous_files; fi
  fi
  if [ "$service_was_stopped" = yes ]; then
    chown_state_to_service_user
    start_service || warn "the service muster-agent could not be restarted; to find out why, run: $(log_command)"
  fi
  if [ -n "$stopped_agent" ] && [ "$finished" = no ]; then describe_stopped_agent; fi
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

has() { command -v "$1" >/dev/null 2>&1; }

# Waits for a fraction of a second, or for a second if `sleep` does not accept fractions.
pause() { sleep 0.2 2>/dev/null || sleep 1; }

call_curl() { curl ${ca_file:+--cacert "$ca_file"} "$@"; }

# Makes curl use MUSTER_CA_FILE if the API's certificate is not trusted without it.
choose_certificates() {
  if [ -z "${MUSTER_CA_FILE:-}" ] || ! has curl; then return; fi
  curl -s -o /dev/null "$url/healthz" || [ $? != 60 ] || ca_file=$MUSTER_CA_FILE
}

fetch() { # URL FILE
  if has curl; then
    call_curl -fsSL --retry 3 -o "$2" "$1"
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

# Prints where the previous version of a file is kept. The state's copy is outside the state directory, because the
# unprivileged owner of that directory could create a link at the path.
previous_of() { # FILE
  if [ "$1" = "$state/agent.json" ]; then say "$config.state"; else say "$1.previous"; fi
}

# Keeps the current version of a file until the script ends. If this fails, for example on a full disk, ends the script.
keep_previous() { # FILE
  if [ ! -f "$1" ]; then return; fi
  case $kept in *"|$1|"*) return ;; esac
  if ! cp -Pp "$1" "$(previous_of "$1")"; then
    rm -f "$(previous_of "$1")"
    die "cannot copy $1 to $(previous_of "$1"), so $1 was not changed"
  fi
  kept="$kept$1|"
}

restore_previous_files() {
  if service_is_active; then stop_service; fi
  restored='the earlier release and settings were restored'
  for file in "$binary" "$unit" "$init_script" "$update_service" "$update_timer" "$config" "$state/agent.json"; do
    case $kept in
      *"|$file|"*)
        rename "$(previous_of "$file")" "$file" ||
          restored="the earlier version of $file could not be restored: it is $(previous_of "$file")"
        ;;
    esac
  done
  if [ "$manager" = systemd ]; then systemctl daemon-reload; fi
  warn "$restored"
}

# Replaces a file. Replaces a symbolic link instead of following it, because the unprivileged owner of the state
# directory could create one. Without -T, which some versions lack, `mv` would move the new file into the directory that
# a link points to.
rename() { # NEW TARGET
  mv -fT "$1" "$2" 2>/dev/null || { rm -f "$2" && mv -f "$1" "$2"; }
}

delete_previous_files() {
  for file in "$binary" "$unit" "$init_script" "$update_service" "$update_timer" "$config" "$state/agent.json"; do
    case $kept in *"|$file|"*) rm -f "$(previous_of "$file")" ;; esac
  done
}

# Replaces a file and keeps its previous version. Does nothing if the content is the same.
replace_file() { # NEW TARGET
  if cmp -s "$1" "$2"; then
    rm -f "$1"
    return
  fi
  partial_file=$1
  keep_previous "$2"
  mv -f "$1" "$2"
  partial_file=
  changed=yes
}

# Downloads a file of the release. Rejects a file with an unexpected checksum.
download() { # NAME FILE
  expected=$(expected_checksum "$1")
  [ -n "$expected" ] || die "this release does not contain $1"
  mkdir -p "$(dirname "$2")"
  partial_file=$2
  fetch "$url/agent-release/$1" "$2" || die "cannot fetch $url/agent-release/$1"
  actual=$(sha256 "$2")
  [ "$actual" = "$expected" ] || die "$1 has the checksum $actual instead of $expected: nothing was installed"
}

architecture() {
  [ "$(uname -s)" = Linux ] || die "there is no agent for $(uname -s)"
  case $(uname -m) in
    x86_64 | amd64) say x64 ;;
    aarch64 | arm64) say arm64 ;;
    *) die "there is no agent for $(uname -m)" ;;
  esac
}

# Installs the executable, unless it is already installed. Rejects an executable that does not run on this machine.
install_binary() {
  arch=$(architecture)
  name="muster-agent-linux-$arch"
  if [ -f "$binary" ] && [ "$(sha256 "$binary")" = "$(expected_checksum "$name")" ]; then
    check_host_settings "$binary"
    return
  fi
  download "$name" "$binary.part.$$"
  chmod 755 "$partial_file"
  "$partial_file" version >/dev/null || die "$name does not run on this machine: nothing was installed"
  check_host_settings "$partial_file"
  replace_file "$partial_file" "$binary"
  partial_file=
  say "Installed $binary"
}

# Ends the script if the agent cannot use the host's name or labels. Every command of the agent checks them.
check_host_settings() { # EXECUTABLE
  if [ -z "${MUSTER_HOST_NAME:-}${MUSTER_HOST_LABELS:-}" ]; then return; fi
  problems=$(env -i MUSTER_CONFIG=/dev/null MUSTER_STATE_DIR=/nonexistent MUSTER_HOST_NAME="${MUSTER_HOST_NAME:-}" \
    MUSTER_HOST_LABELS="${MUSTER_HOST_LABELS:-}" "$1" status 2>&1 | grep '^muster-agent: MUSTER_HOST_') || return 0
  die "$(printf '%s\n' "$problems" | sed -e 's/^muster-agent: //' -e 's/^MUSTER_HOST_NAME/--name (&)/' \
    -e 's/^MUSTER_HOST_LABELS/--labels (&)/')"
}

# Sets `manager` to the service manager of this machine.
find_manager() {
  manager=none
  if [ -n "$root" ]; then return; fi
  if [ -d /run/systemd/system ] && has systemctl; then
    manager=systemd
  elif [ -e /run/openrc/softlevel ] && has rc-service; then
    manager=openrc
  fi
}

uses_service() { [ "$service" = yes ] && [ "$manager" != none ]; }

# Returns whether the service runs, or is about to be restarted by its manager.
service_is_active() {
  case $manager in
    systemd)
      case $(systemctl is-active muster-agent 2>/dev/null) in
        active | activating | reloading) return 0 ;;
      esac
      return 1
      ;;
    openrc) [ -f "$init_script" ] && rc-service muster-agent status >/dev/null 2>&1 ;;
    *) return 1 ;;
  esac
}

stop_service() {
  service_was_stopped=yes
  case $manager in
    systemd) systemctl stop muster-agent ;;
    openrc) rc-service --quiet muster-agent stop ;;
  esac
}

# The service must not inherit the lock.
start_service() {
  case $manager in
    systemd) systemctl start muster-agent 9>&- ;;
    openrc) rc-service --quiet muster-agent start 9>&- ;;
  esac
}

disable_service() {
  case $manager in
    systemd) systemctl disable --quiet muster-agent ;;
    openrc) rc-update --quiet del muster-agent default ;;
  esac
}

log_command() {
  case $manager in
    systemd) say 'journalctl -u muster-agent' ;;
    openrc) say 'cat /var/log/muster-agent.log' ;;
  esac
}

create_user() {
  if [ -n "$root" ]; then return; fi
  if ! grep -q '^muster-agent:' /etc/group; then
    if has groupadd; then groupadd --system muster-agent; else addgroup -S muster-agent; fi
  fi
  if id muster-agent >/dev/null 2>&1; then return; fi
  shell=/usr/sbin/nologin
  [ -x $shell ] || shell=/bin/false
  if has useradd; then
    useradd --system --gid muster-agent --no-create-home --home-dir /var/lib/muster-agent --shell $shell muster-agent
  else
    adduser -S -D -H -G muster-agent -h /var/lib/muster-agent -s $shell muster-agent
  fi
}

# Prints the value of a setting in this script's environment. As in curl, a proxy variable in lower case takes
# precedence.
environment_value() { # NAME
  case $1 in
    *_PROXY) eval "printf '%s' \"\${$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]'):-\${$1:-}}\"" ;;
    *) eval "printf '%s' \"\${$1:-}\"" ;;
  esac
}

# Prints the value of a setting from the environment or else from the configuration file.
setting() { # NAME
  value=$(environment_value "$1")
  if [ -n "$value" ]; then
    say "$value"
  elif [ -f "$config" ]; then
    sed -n "s/^$1=//p" "$config" | tail -n 1 | sed -e "s/^\([\"'\`]\)\(.*\)\1\$/\2/"
  fi
}

# Prints a value for a line of the configuration file, in quotation marks if needed.
quoted() { # NAME VALUE
  case $2 in
    *'
'*) die "the value of $1 contains a line break, which the configuration file cannot contain" ;;
    *"'"*'`'* | *'`'*"'"*) die "the value of $1 contains ' and \`, so it cannot be written to $config" ;;
    *"'"*) say "\`$2\`" ;;
    *[!A-Za-z0-9_.,:/@%+=-]*) say "'$2'" ;;
    *) say "$2" ;;
  esac
}

# Ends the script if the service could not use a setting in this script's environment, for example because a file is in
# a person's home directory.
check_settings() {
  for name in $KEPT_SETTINGS; do
    value=$(environment_value "$name")
    if [ -n "$value" ]; then quoted "$name" "$value" >/dev/null; fi
  done
  if ! uses_service; then return; fi
  for name in DOCKER_HOST DOCKER_CERT_PATH MUSTER_CA_FILE SSL_CERT_FILE NODE_EXTRA_CA_CERTS; do
    path=$(environment_value "$name")
    if [ "$name" = DOCKER_HOST ]; then
      case $path in
        unix://*) path=${path#unix://} ;;
        *) path= ;;
      esac
    fi
    if [ -n "$path" ]; then check_path "$name" "$path"; fi
  done
}

check_path() { # NAME PATH
  case $2 in
    /*) ;;
    *) die "$1 must be an absolute path: the service does not run in this directory" ;;
  esac
  if [ "$manager" = systemd ]; then
    case $2 in
      /home/* | /root/* | /run/user/* | /tmp/* | /var/tmp/*)
        die "the service has no access to $2 ($1), because its unit hides /home, /root, /run/user, /tmp and /var/tmp: \
use another path, or install with --no-service and run the agent yourself"
        ;;
    esac
  fi
  case $1 in
    DOCKER_HOST) ;;
    DOCKER_CERT_PATH)
      for file in ca.pem cert.pem key.pem; do
        if [ -e "$2/$file" ]; then check_readable "$1" "$2/$file"; fi
      done
      ;;
    *)
      [ -e "$2" ] || die "$2 ($1) does not exist"
      check_readable "$1" "$2"
      ;;
  esac
}

# Ends the script if the service's user cannot read a file.
check_readable() { # NAME FILE
  # shellcheck disable=SC2016 # The shell that su starts expands the variable.
  FILE=$2 su -s /bin/sh -c 'test -r "$FILE"' muster-agent </dev/null ||
    die "the service's user muster-agent cannot read $2 ($1): give it access (chgrp muster-agent FILE, chmod g+r FILE)"
}

# Prints the group that owns the engine's socket, or its ID if it has no name. An unprivileged user in this group has
# access to the socket.
socket_group() {
  engine=$(setting DOCKER_HOST)
  case $engine in
    '') sockets='/var/run/docker.sock /run/podman/podman.sock' ;;
    unix://*) sockets=${engine#unix://} ;;
    *) return ;;
  esac
  for socket in $sockets; do
    if [ -S "$socket" ]; then
      group=$(stat -c %G "$socket")
      if [ "$group" = UNKNOWN ]; then stat -c %g "$socket"; else say "$group"; fi
      return
    fi
  done
}

create_config() {
  mkdir -p "$(dirname "$config")"
  if [ ! -f "$config" ]; then
    printf '# Settings of the Muster agent. To list all settings: muster-agent config\n' >"$config"
    config_is_new=yes
  fi
  restrict_config
}

# Lets only root and the agent read the configuration file, because a proxy's address may contain a password.
restrict_config() {
  chmod 640 "$config"
  [ -n "$root" ] || chown root:muster-agent "$config"
}

# Writes MUSTER_URL and the settings in this script's environment to the configuration file and leaves all other lines
# unchanged. Must be called after `enroll`, because a failed enrollment must not change the settings.
write_config() {
  (
    umask 077
    cp "$config" "$config.part"
    write_line MUSTER_URL "$url"
    for name in $KEPT_SETTINGS; do
      value=$(environment_value "$name")
      if [ -n "$value" ]; then write_line "$name" "$(quoted "$name" "$value")"; fi
    done
  )
  if [ "$config_is_new" = yes ]; then mv -f "$config.part" "$config"; else replace_file "$config.part" "$config"; fi
  restrict_config
}

write_line() { # NAME VALUE
  if grep -qxF -e "$1=$2" "$config.part"; then return; fi
  grep -v "^[[:space:]]*$1[[:space:]]*=" "$config.part" >"$config.lines" || true
  printf '%s=%s\n' "$1" "$2" >>"$config.lines"
  mv -f "$config.lines" "$config.part"
}

# Does nothing while an agent of another user or in a container uses the state directory. The flag -h prevents chown
# from following symbolic links, which the unprivileged owner of the state directory could point at other files.
chown_state_to_service_user() { [ -n "$root" ] || [ -n "$(foreign_holder)" ] || chown -hR muster-agent "$state"; }

agent() {
  MUSTER_URL=$url MUSTER_ENROLL_TOKEN=$token MUSTER_ENROLL_TOKEN_FILE= MUSTER_STATE_DIR=$state MUSTER_CONFIG=$config LOG_LEVEL=warn \
    "$binary" "$@"
}

# Queries the running agent. Uses only the state directory and no other setting, because an invalid setting would make
# the query fail.
agent_status() {
  [ -x "$binary" ] && env -i MUSTER_STATE_DIR="$state" MUSTER_CONFIG=/dev/null "$binary" status --json 2>/dev/null
}

is_enrolled_at() { grep -qiF "\"musterUrl\": \"$1" "$state/agent.json" 2>/dev/null; }

# Returns whether a process is an agent, according to the name of its executable.
is_agent() { # PROCESS
  executable=$(readlink "/proc/$1/exe" 2>/dev/null) || return 1
  case ${executable##*/} in
    muster-agent*) return 0 ;;
    *) return 1 ;;
  esac
}

# Prints the process that uses the state directory. Prints `elsewhere` if that process is in a container, where it has
# another process ID.
state_holder() {
  pid=$(agent_status | sed -n 's/^ *"pid": \([0-9][0-9]*\),*$/\1/p')
  if [ -z "$pid" ]; then return; fi
  if is_agent "$pid"; then say "$pid"; else say elsewhere; fi
}

# Returns whether a process is the main process of the service.
is_service() { # PROCESS
  case $manager in
    systemd) [ "$(systemctl show -p MainPID muster-agent)" = "MainPID=$1" ] ;;
    openrc)
      parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 1
      case $(tr '\0' ' ' 2>/dev/null <"/proc/$parent/cmdline") in
        *'supervise-daemon muster-agent '*) return 0 ;;
      esac
      return 1
      ;;
  esac
}

# Prints the process that uses the state directory, if that process would lose access once the directory belongs to the
# service's user. This is the case for a process in a container, and for a process of a user other than root and
# muster-agent.
foreign_holder() {
  holder=$(state_holder)
  case $holder in
    '') return ;;
    elsewhere) user= ;;
    *) user=$(sed -n 's/^Uid:[[:space:]]*[0-9]*[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$holder/status" 2>/dev/null) || true ;;
  esac
  if [ "$user" != 0 ] && [ "$user" != "$(id -u muster-agent)" ]; then say "$holder"; fi
}

# Prints the processes that run the installed executable.
processes_of_binary() {
  for directory in /proc/[0-9]*; do
    # shellcheck disable=SC3013 # dash, busybox and bash have -ef, which needs no process for each comparison.
    if [ "$directory/exe" -ef "$binary" ]; then say "${directory#/proc/}"; fi
  done
}

# Prints the processes of agents that this script did not install, for example in containers.
other_agents() {
  if [ -n "$root" ]; then return; fi
  own=" $(state_holder) $(processes_of_binary | tr '\n' ' ')"
  for directory in /proc/[0-9]*; do
    pid=${directory#/proc/}
    case $own in *" $pid "*) continue ;; esac
    if is_agent "$pid"; then say "$pid"; fi
  done
}

describe_holder() { # PROCESS
  if [ "$1" = elsewhere ]; then
    say "an agent that this script did not install (in a container, for example) uses $state: stop it first"
  else
    say "an agent still runs as process $1: stop it first (kill $1)"
  fi
}

# Stops processes and waits up to 10 seconds. Returns 1 if one of them still runs.
stop_processes() { # PROCESS…
  for pid in "$@"; do kill "$pid" 2>/dev/null || true; done
  tries=0
  for pid in "$@"; do
    while kill -0 "$pid" 2>/dev/null; do
      tries=$((tries + 1))
      if [ $tries -gt 50 ]; then return 1; fi
      pause
    done
  done
}

# Stops the agent, because only one agent can use the state directory. Ends the script if it could not start the agent
# again.
stop_agent() {
  if service_is_active; then stop_service; fi
  holder=$(state_holder)
  if [ -z "$holder" ]; then return; fi
  if ! uses_service || [ "$holder" = elsewhere ]; then die "$(describe_holder "$holder"), then run this script again"; fi
  user=$(stat -c %U "/proc/$holder" 2>/dev/null) || user=root
  if [ "$user" = UNKNOWN ]; then user=$(stat -c %u "/proc/$holder"); fi
  owner=$(stat -c %u "$state")
  stop_processes "$holder" || die "$(describe_holder "$holder"), then run this script again"
  stopped_agent=$holder stopped_user=$user stopped_owner=$owner
  say "Stopped the agent that ran as process $holder: the service muster-agent replaces it"
}

needs_enrollment() { ! is_enrolled_at "$url\"" || ! agent_status >/dev/null; }

# Ends the script if the API rejects the enrollment token, before anything is downloaded. Ignores a 401 from a proxy and
# all other failures, because the messages of the agent describe them better.
check_token() {
  case $token in
    muster_enroll_*) ;;
    *) die 'the token (--token or MUSTER_ENROLL_TOKEN) is not an enrollment token, muster_enroll_…: nothing was installed' ;;
  esac
  # The API answers an empty enrollment with 400 if the token is valid, and otherwise with 401 and a problem document.
  if has curl; then
    # curl reads the token from standard input, so that the process list does not show it.
    answer=$(
      printf 'header = "Authorization: Bearer %s"\n' "$token" |
        call_curl -s -K - -H 'Content-Type: application/json' -d '{}' "$url/api/agent/enroll" |
        grep -F '"/problems/token-invalid"'
    ) || true
  elif has wget && [ "$token_is_argument" = yes ]; then
    # GNU wget prints the headers of a 401 response but not its body. BusyBox wget prints neither.
    answer=$(wget -q -S -O /dev/null --header "Authorization: Bearer $token" --header 'Content-Type: application/json' \
      --post-data '{}' "$url/api/agent/enroll" 2>&1 | grep -F 'Bearer realm="muster"') || true
  else
    return 0
  fi
  if [ -n "$answer" ]; then
    die "the API at $url rejects the enrollment token: it is expired, revoked or used up, or belongs to another server. \
Create a new one. Nothing was installed"
  fi
}

# Enrolls and reports once, so that the host is visible when the script ends. If this fails, exits before any setting is
# changed.
enroll() {
  stop_agent
  # Enrolling at another address leaves the old token valid, so the old state can be restored after a failure. Enrolling
  # again at the same address revokes the old token.
  if ! is_enrolled_at "$url\""; then keep_previous "$state/agent.json"; fi
  agent once || die "this machine could not report to $url; to find out why, run: $binary doctor"
}

# Changes the address of the API at which this machine is enrolled.
move() {
  stop_agent
  keep_previous "$state/agent.json"
  keep_previous "$config"
  agent move || die "this machine stays enrolled at its earlier address: it could not move to $url (see above). \
If $url is another Muster server, run the script again with --token to enroll there"
  changed=yes
}

# Downloads the file that describes the service, before anything else is changed.
download_service() {
  case $manager in
    systemd) download muster-agent.service "$unit.orig" ;;
    openrc) download muster-agent.openrc "$init_script.orig" ;;
  esac
}

install_service() {
  group=$(socket_group)
  if [ "$group" = root ]; then
    warn 'only root can access the engine’s socket: change its group, or set DOCKER_HOST to a socket proxy'
    group=
  fi
  case $group in
    '' | *[!0-9]*) ;;
    *) create_engine_group "$group" ;;
  esac
  case $manager in
    systemd) install_unit ;;
    openrc) install_init_script ;;
  esac
}

# Creates a group with the ID of the engine's socket, because the group of a service must have a name.
create_engine_group() { # ID
  delete_engine_group
  if has groupadd; then groupadd --gid "$1" muster-engine; else addgroup -g "$1" muster-engine; fi ||
    die "the group $1 of the engine’s socket has no name, and no group with this ID could be created"
  group=muster-engine
  changed=yes
}

delete_engine_group() {
  if ! grep -q '^muster-engine:' /etc/group; then return; fi
  if has groupdel; then groupdel muster-engine; else delgroup muster-engine; fi
}

install_unit() {
  if [ -n "$group" ]; then groups="SupplementaryGroups=$group"; else groups='# no group for the engine'; fi
  sed -e "s|^ExecStart=/usr/local/bin/|ExecStart=$prefix/bin/|" -e "s|^SupplementaryGroups=.*|$groups|" \
    "$unit.orig" >"$unit.part"
  rm -f "$unit.orig"
  partial_file=
  chmod 644 "$unit.part"
  replace_file "$unit.part" "$unit"
  if [ "$changed" = yes ]; then systemctl daemon-reload; fi
  systemctl enable --quiet muster-agent
}

add_user_to_group() {
  if has usermod; then usermod -a -G "$group" muster-agent; else addgroup muster-agent "$group"; fi
}

install_init_script() {
  sed -e "s|^command=/usr/local/bin/|command=$prefix/bin/|" "$init_script.orig" >"$init_script.part"
  rm -f "$init_script.orig"
  partial_file=
  chmod 755 "$init_script.part"
  replace_file "$init_script.part" "$init_script"
  if [ -n "$group" ] && ! id -nG muster-agent | tr ' ' '\n' | grep -qxF -e "$group"; then
    if add_user_to_group; then
      changed=yes
    else
      warn "the user muster-agent has no access to the engine’s socket, because it could not be added to the socket’s \
group $group"
    fi
  fi
  rc-update --quiet add muster-agent default
}

# Starts the service, or restarts it if anything changed. Exits if the agent does not start, or if another agent uses
# the state directory, for example because its supervisor restarted it first.
run_service() {
  holder=$(state_holder)
  if service_is_active && [ "$changed" = no ] && { [ -z "$holder" ] || is_service "$holder"; }; then return; fi
  stop_agent
  chown_state_to_service_user
  start_service || die "the service muster-agent did not start; to find out why, run: $(log_command)"
  tries=0
  while :; do
    holder=$(state_holder)
    if [ -n "$holder" ]; then
      if is_service "$holder"; then break; fi
      # If the process has ended, it may have been the service. The service manager then starts it again.
      if [ "$holder" = elsewhere ] || kill -0 "$holder" 2>/dev/null; then yield_to "$holder"; fi
    fi
    tries=$((tries + 1))
    if [ $tries -gt 40 ] || ! service_is_active; then
      die "the service muster-agent does not keep running; to find out why, run: $(log_command)"
    fi
    pause
  done
  service_was_stopped=no
}

# Waits until the updated agent has reported. If the agent does not report, ends the script, which restores the earlier
# release.
wait_for_report() {
  deadline=$(($(date +%s) + REPORT_SECONDS))
  until agent_status | grep -q '"acceptedAt": "'; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      service_was_stopped=yes
      die "the new release did not report to $url within $REPORT_SECONDS seconds; to find out why, run: $(log_command)"
    fi
    pause
  done
}

# Returns whether this run or an earlier run of this script turned automatic updates on.
uses_timer() { [ "$auto_update" = yes ] || { [ -z "$root" ] && [ -f "$update_timer" ]; }; }

# Ends the script if automatic updates are requested but not possible or not safe.
check_timer() {
  uses_service && [ "$manager" = systemd ] ||
    die '--auto-update needs systemd: on this machine, run `muster-agent update` from time to time, for example with cron'
  # An http address of this machine is not safe either: any local user can listen on an unused port.
  case $url in
    https://*) ;;
    *)
      die "the agent cannot be updated automatically from $url: without TLS, anyone who can pose as this server could \
install programs on this machine as root. Use an https address, or turn off automatic updates: systemctl disable --now \
muster-agent-update.timer && rm $update_timer"
      ;;
  esac
}

install_timer() {
  download muster-agent-update.service "$update_service.part"
  sed "s|^ExecStart=/usr/local/bin/|ExecStart=$prefix/bin/|" "$update_service.part" >"$update_service.new"
  rm -f "$update_service.part"
  chmod 644 "$update_service.new"
  replace_file "$update_service.new" "$update_service"
  download muster-agent-update.timer "$update_timer.part"
  chmod 644 "$update_timer.part"
  replace_file "$update_timer.part" "$update_timer"
  systemctl daemon-reload
  systemctl enable --quiet --now muster-agent-update.timer
}

# Leaves the state directory to the agent that uses it: stops the service, disables it and ends the script.
yield_to() { # PROCESS
  stop_service || true
  service_was_stopped=no
  disable_service || true
  warn 'the service muster-agent was stopped and disabled, because another agent uses its state directory'
  die "$(describe_holder "$1"), then run this script again"
}

# Prints the command that starts the agent outside a service.
run_command() { say "MUSTER_STATE_DIR=$state MUSTER_CONFIG=$config $binary run"; }

# Prints that the agent that the script stopped is not running, and how to start it again. Prints nothing if a
# supervisor has started it again.
describe_stopped_agent() {
  if service_is_active; then
    again='stop the service muster-agent, and run as the user'
  elif [ -n "$(state_holder)" ]; then
    return
  else
    again='run as the user'
    chown -hR "$stopped_owner" "$state"
  fi
  warn "the agent that ran as process $stopped_agent was stopped and no longer runs: to start it again, $again \
$stopped_user: $(run_command)"
}

# Prints the agent's process, which the script does not restart, or the command that starts the agent.
describe_process() {
  command=$(run_command)
  holder=$(state_holder)
  if [ -z "$holder" ]; then
    say "Keep it running with: $command"
  elif [ "$changed" = no ]; then
    say 'The agent is already running'
  elif [ "$holder" = elsewhere ]; then
    warn "an agent that this script did not install uses $state: restart it, so that it has the new settings"
  else
    warn "the agent that runs as process $holder does not have the new release and settings yet: stop it (kill \
$holder), and start it again with: $command"
  fi
}

# Ends the script if another run is active on this machine, for example a run that the timer started. Both runs would
# use the same temporary files. Only root can open the lock's file, so no other user can hold the lock. The lock is
# released when the script ends.
take_lock() {
  if [ -n "$root" ] || ! has flock; then return; fi
  (umask 077 && : >>/run/muster-agent-install.lock)
  exec 9>>/run/muster-agent-install.lock
  flock -n 9 || die 'another install.sh is running on this machine: wait until it has ended'
}

do_install() {
  if uses_timer; then check_timer; fi
  if [ -n "$token" ] && needs_enrollment; then check_token; fi
  create_user
  check_settings
  install_binary
  if uses_service && [ "$(state_holder)" = elsewhere ]; then
    die "$(describe_holder elsewhere), then run this script again"
  fi
  if uses_service; then download_service; fi
  create_config
  mkdir -p "$state"
  chmod 700 "$state"
  chown_state_to_service_user
  if ! is_enrolled_at ''; then
    for pid in $(other_agents); do
      warn "another agent runs as process $pid (in a container, or from another path): if it reports the same engine, \
that engine appears as two hosts"
    done
  fi
  if is_enrolled_at "$url\""; then
    # Enrolls again only if the agent is not running or reports a problem, because its token may have been rejected.
    if [ -n "$token" ] && needs_enrollment; then enroll; fi
  elif [ -n "$token" ]; then
    enroll
  elif is_enrolled_at ''; then
    move
  else
    warn 'this machine is not enrolled: run the script again with --token'
  fi
  chown_state_to_service_user
  write_config
  if is_enrolled_at "$url\""; then say "This machine is enrolled at $url"; fi
  if uses_service; then install_service; fi
  if ! uses_service && ! service_is_active && [ "$service_was_stopped" = no ]; then
    describe_process
  elif is_enrolled_at '' || [ -n "$(setting MUSTER_ENROLL_TOKEN)$(setting MUSTER_ENROLL_TOKEN_FILE)" ]; then
    run_service
    case $kept in *"|$binary|"*) wait_for_report ;; esac
    say 'The agent runs as the service muster-agent'
  fi
  if uses_timer; then install_timer; fi
  if [ "$changed" = no ]; then say 'This machine already has the release of the server'; fi
  finished=yes
}

# If there is no executable at --prefix, uses the executable in the definition of the installed service.
find_binary() {
  if [ -e "$binary" ] || [ -n "$root" ]; then return; fi
  for file in "$unit" "$init_script"; do
    if [ -f "$file" ]; then
      named=$(sed -n -e 's/^ExecStart=\(.*\) run$/\1/p' -e 's/^command=\(.*\)$/\1/p' "$file")
      binary=${named:-$binary}
    fi
  done
}

is_installed() {
  if [ -e "$binary" ] || [ -e "$state" ] || [ -e "$(dirname "$config")" ]; then return 0; fi
  [ -z "$root" ] && { [ -e "$unit" ] || [ -e "$init_script" ]; }
}

delete_service() {
  if [ -n "$root" ]; then return; fi
  disable_service || true
  if [ -f "$update_timer" ]; then systemctl disable --quiet --now muster-agent-update.timer || true; fi
  rm -f "$unit" "$init_script" "$update_service" "$update_timer" /var/log/muster-agent.log
  if [ "$manager" = systemd ]; then systemctl daemon-reload; fi
}

delete_user() {
  if [ -n "$root" ] || ! id muster-agent >/dev/null 2>&1; then return; fi
  if has userdel; then userdel muster-agent; else deluser muster-agent; fi ||
    warn 'the user muster-agent could not be deleted'
  delete_engine_group || warn 'the group muster-engine could not be deleted'
}

do_uninstall() {
  find_binary
  if is_installed; then
    uninstall
  else
    say 'The agent is not installed'
  fi
  others=$(other_agents | tr '\n' ' ')
  if [ -n "$others" ]; then
    die "other agents, which this script did not install, still run, in containers or from other paths. Stop them \
there; they are these processes: ${others% }"
  fi
  if [ "$finished" = yes ]; then say 'The agent was removed'; fi
}

uninstall() {
  if service_is_active; then stop_service; fi
  holder=$(state_holder)
  others=" $(other_agents | tr '\n' ' ')"
  # Each process gets one signal, because a second signal ends an agent before it has shut down.
  running=$(printf '%s\n' "$holder" "$(processes_of_binary)" | sort -un)
  if [ "$holder" != elsewhere ] && [ -n "$running" ]; then
    # shellcheck disable=SC2086 # Numbers of processes contain no spaces.
    stop_processes $running || true
    # Gives another supervisor time to start the agent again.
    sleep 1
    holder=$(state_holder)
  fi
  for pid in $holder $(processes_of_binary) $(other_agents); do
    case $others in
      *" $pid "*) ;;
      *) die "$(describe_holder "$pid"), then run this script again. Nothing was removed" ;;
    esac
  done
  if [ -f "$state/agent.json" ]; then
    if [ ! -x "$binary" ] || ! MUSTER_STATE_DIR=$state MUSTER_CONFIG=$config "$binary" leave; then
      warn 'this host’s token was not revoked: delete the host in Muster'
    fi
  fi
  delete_service
  service_was_stopped=no
  rm -f "$binary" "$binary.previous"
  rm -rf "$state" "$(dirname "$config")"
  delete_user
  finished=yes
}

main() {
  url=$MUSTER_URL_DEFAULT
  token=${MUSTER_ENROLL_TOKEN:-}
  token_is_argument=no
  prefix=/usr/local
  root=
  prefix_is_default=yes
  service=yes
  auto_update=no
  action=install
  while [ $# -gt 0 ]; do
    case $1 in
      --token | --url | --name | --labels | --prefix | --root)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
          --token) token=$2 token_is_argument=yes ;;
          --url) url=${2%/} ;;
          --name | --labels)
            [ -n "$2" ] || die "$1 is empty, perhaps because a variable is not set"
            if [ "$1" = --name ]; then export MUSTER_HOST_NAME="$2"; else export MUSTER_HOST_LABELS="$2"; fi
            ;;
          --prefix)
            prefix_is_default=no
            case $2 in
              /*) prefix=${2%/} ;;
              '') die "$1 is empty, perhaps because a variable is not set" ;;
              *) die "$1 must be an absolute path" ;;
            esac
            ;;
          --root)
            [ -n "$2" ] || die "$1 is empty, perhaps because a variable is not set"
            root=${2%/}
            ;;
        esac
        shift
        ;;
      --no-service) service=no ;;
      --auto-update) auto_update=yes ;;
      --uninstall) action=uninstall ;;
      -h | --help)
        usage
        return
        ;;
      *) die "unknown option $1 (see --help)" ;;
    esac
    shift
  done
  binary=$root$prefix/bin/muster-agent
  state=$root/var/lib/muster-agent
  config=$root/etc/muster-agent/config
  unit=/etc/systemd/system/muster-agent.service
  init_script=/etc/init.d/muster-agent
  update_service=/etc/systemd/system/muster-agent-update.service
  update_timer=/etc/systemd/system/muster-agent-update.timer
  find_manager
  if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then die 'must run as root (sudo), or with --root DIR'; fi
  take_lock
  if [ $action = uninstall ]; then
    do_uninstall
    return
  fi
  [ -n "$url" ] || die 'no API address: fetch this script from the API, or set --url'
  [ -n "$CHECKSUMS" ] || die 'this script contains no checksums: fetch it from an API that serves an agent release'
  if [ $prefix_is_default = yes ]; then
    find_binary
    prefix=${binary#"$root"}
    prefix=${prefix%/bin/muster-agent}
  fi
  choose_certificates
  do_install
}

# This is the last line, so that a partially downloaded script does nothing.
main "$@"

#!/usr/bin/env bash
# Installs edgehar as a systemd service, updates it and takes it away; --help says how. Run twice it changes no setting.
set -euo pipefail
shopt -s inherit_errexit nullglob

readonly program=/opt/edgehar settings=/etc/edgehar state=/var/lib/edgehar cache=/var/cache/edgehar account=edgehar
readonly config=$settings/edgehar.toml example=$settings/edgehar.example.toml command=/usr/local/bin/edgehar
readonly password=/etc/credstore/edgehar.mqtt-password
readonly unit=/etc/systemd/system/edgehar.service rules=/etc/udev/rules.d/60-edgehar.rules
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

package=$(dirname "$here") python=/usr/bin/python3 action=install is_dry='' is_purge=''
slot='' previous='' was_active=''

usage() {
  cat <<'HELP'
Install edgehar on Raspberry Pi OS, Debian or Ubuntu, or update it. Run as root, in a checkout of edgehar.

  bash deploy/install.sh [--from PATH | --from-index] [--python PROGRAM] [--dry-run]
  bash deploy/install.sh --uninstall [--purge] [--dry-run]

  --from PATH       another checkout, or a wheel, instead of the checkout that this script lies in
  --from-index      the package index's newest `edgehar`, once there is a release
  --python PROGRAM  a Python of 3.11 or newer; /usr/bin/python3 unless given
  --uninstall       remove program, service, device rules; keep configuration, password, state and account
  --purge           with --uninstall: these too
  --dry-run         print every step, change nothing; needs no root
  --help            this text

It makes an environment of its own in /opt/edgehar with the command `edgehar` in /usr/local/bin, an account edgehar, the
service edgehar, and an example beside its configuration in /etc/edgehar. An update that fails leaves what was there as it
was. What a webcam needs comes with it, but for its model: `sudo edgehar models pull movenet-lightning`. pip's own
variables, such as PIP_INDEX_URL, are obeyed.
HELP
}

say() { printf '%s\n' "$@"; }

refuse() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

# Does a step, or prints it.
run() {
  if [ -n "$is_dry" ]; then
    printf '+'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}

has() { command -v "$1" >/dev/null 2>&1; }

systemd_runs() { [ -d /run/systemd/system ] && has systemctl; }

udev_runs() { [ -S /run/udev/control ] && has udevadm; }

read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --from | --python)
        [ -n "${2:-}" ] || refuse "$1 needs a path"
        if [ "$1" = --from ]; then package=$2; else python=$2; fi
        shift
        ;;
      --from-index) package='' ;;
      --uninstall) action=uninstall ;;
      --purge) is_purge=yes ;;
      --dry-run) is_dry=yes ;;
      -h | --help) usage && exit ;;
      *) refuse "unknown option $1; see --help" ;;
    esac
    shift
  done
  [ -z "$is_purge" ] || [ "$action" = uninstall ] || refuse "--purge goes with --uninstall"
  if [ -z "$package" ]; then
    package=edgehar
  else
    [ -f "$package" ] || [ -f "$package/pyproject.toml" ] ||
      refuse "$package is neither a wheel nor a checkout with a pyproject.toml"
    package=$(realpath "$package")
  fi
}

need_root() {
  [ "$(id -u)" = 0 ] || [ -n "$is_dry" ] || refuse "needs root: sudo bash $0"
  if [ -z "$is_dry" ]; then
    exec 9>/run/edgehar-install.lock
    flock -n 9 || refuse "another install.sh runs; wait for it"
  fi
}

need_system() {
  local family=''
  # shellcheck source=/dev/null
  [ ! -r /etc/os-release ] || family=$(. /etc/os-release && printf ' %s %s ' "${ID:-}" "${ID_LIKE:-}")
  case $family in
    *' debian '* | *' raspbian '* | *' ubuntu '*) ;;
    *) refuse "made for Raspberry Pi OS, Debian and Ubuntu, and this is ${family:-unknown}; deploy/README.md has the steps by hand" ;;
  esac
  has systemctl || refuse "needs systemd, and there is no systemctl; deploy/containers.md has an image for Docker"
  has useradd || refuse "needs useradd: apt install passwd"
  [ -f "$here/edgehar.service" ] || refuse "$here lacks edgehar.service; run it in a checkout of edgehar, where it lies"
}

need_python() {
  local version
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2], sys.version_info >= (3, 11))' 2>/dev/null) ||
    refuse "$python does not run: apt install python3 python3-venv, or name another with --python"
  case $version in
    *True) ;;
    *) refuse "needs Python 3.11 or newer, and $python is ${version% *}; update the system (Raspberry Pi OS Bookworm or newer), or name another with --python" ;;
  esac
  "$python" -c 'import venv, ensurepip' 2>/dev/null ||
    refuse "$python has no venv: apt install python3-venv"
}

# Two environments take turns, and a link says which: what runs is never written to.
choose_slot() {
  previous=$(readlink -f "$program" 2>/dev/null || true)
  [ -e "$previous" ] || previous=''
  slot=$program.1
  [ "$previous" != "$slot" ] || slot=$program.2
}

# Puts back what ran before this call.
discard() {
  local status=$?
  [ $status -ne 0 ] && [ -z "$is_dry" ] || return 0
  if [ -z "$previous" ]; then
    [ -e "$program" ] || rm -rf "$slot"
    printf 'install.sh: failed\n' >&2
    return
  fi
  if [ "$(readlink -f "$program")" != "$previous" ]; then
    link_to "$previous"
    [ ! -f "$previous/edgehar.service" ] || install -m 644 "$previous/edgehar.service" "$unit"
    if systemd_runs; then systemctl daemon-reload || true; fi
    [ -z "$was_active" ] || systemctl restart edgehar || true
  fi
  [ -z "$was_active" ] || systemctl start edgehar || true
  rm -rf "$slot"
  printf 'install.sh: failed; what was installed before is in use again\n' >&2
}

build() {
  say "Installing $package into $slot; on a Raspberry Pi this takes some minutes."
  run rm -rf "$slot"
  # Downloads would be kept on the memory card a second time.
  [ -n "${PIP_CACHE_DIR:-}" ] || export PIP_NO_CACHE_DIR=1
  run "$python" -m venv "$slot"
  # With what a webcam needs, so that who plugs one in later has nothing to do with pip.
  run "$slot/bin/pip" install --quiet --no-input --disable-pip-version-check --upgrade "${package}[camera]" ||
    refuse "pip could not install $package; what it said stands above. A 32-bit system lacks some packages: use a 64-bit one"
  [ -n "$is_dry" ] || "$slot/bin/edgehar" --help >/dev/null || refuse "the new edgehar does not start"
}

make_account() {
  if ! grep -q "^$account:" /etc/passwd; then
    # A unit with DynamicUser=, as it was once, has the name as long as it runs.
    if systemd_runs && getent passwd "$account" >/dev/null; then run systemctl stop edgehar; fi
    run useradd --system --user-group --no-create-home --home-dir "$state" --shell /usr/sbin/nologin "$account"
  fi
  local group
  for group in dialout bluetooth video; do
    if getent group "$group" >/dev/null && ! id -nG "$account" 2>/dev/null | grep -qw "$group"; then
      run usermod --append --groups "$group" "$account"
    fi
  done
}

# Once the credential lay beside the configuration, and a unit had to be told. `./mqtt-password` is none.
has_password_of_before() {
  [ -f "$settings/mqtt-password" ] && grep -Eq '^[[:space:]]*password_file[[:space:]]*=[[:space:]]*"mqtt-password"' "$config" 2>/dev/null
}

make_settings() {
  run install -d -m 755 "$settings"
  [ ! -e "$config" ] || say "Keeping $config."
  run install -m 644 "$here/edgehar.toml" "$example"
  if has_password_of_before && [ ! -e "$password" ]; then
    run install -D -m 600 "$settings/mqtt-password" "$password"
  fi
  if [ -n "$is_dry" ]; then
    say "+ $slot/bin/edgehar config schema > $settings/edgehar.schema.json"
  else
    "$slot/bin/edgehar" config schema >"$settings/edgehar.schema.json"
  fi
}

config_passes() { "$slot/bin/edgehar" config check --config "$config"; }

# Who has a configuration that works, or worked when the service began, keeps a program that takes it.
protect_what_works() {
  [ -n "$previous" ] && [ -e "$config" ] && [ -z "$is_dry" ] || return 0
  if config_passes >/dev/null; then return 0; fi
  if [ -n "$was_active" ] || "$previous/bin/edgehar" config check --config "$config" >/dev/null 2>&1; then
    refuse "the new edgehar refuses $config; what to mend stands above"
  fi
}

link_to() {
  # An environment that was made by hand stands where the link is to be.
  if [ -d "$program" ] && [ ! -L "$program" ]; then
    run mv "$program" "$program.by-hand"
    previous=$program.by-hand
  fi
  run ln -sfn "$1" "$program.new"
  run mv -T "$program.new" "$program"
}

install_files() {
  if [ -n "$previous" ] && [ -f "$unit" ]; then run cp "$unit" "$previous/edgehar.service"; fi
  run install -m 644 "$here/edgehar.service" "$unit"
  run install -D -m 644 "$here/60-edgehar.rules" "$rules"
  if udev_runs; then
    run udevadm control --reload
    run udevadm trigger --subsystem-match=tty
  fi
  if systemd_runs; then run systemctl daemon-reload; fi
  run systemctl enable --quiet edgehar
  # A file of this name that is no link is somebody else's.
  if [ -L "$command" ] || [ ! -e "$command" ]; then run ln -sfn "$program/bin/edgehar" "$command"; fi
}

start() {
  local check="edgehar config check --config $config"
  if [ -n "$is_dry" ]; then
    say "+ $check"
    if systemd_runs; then run systemctl restart edgehar; fi
    return
  fi
  if [ ! -e "$config" ]; then
    say "" "Next: \`sudo edgehar init $config\` asks a few questions and writes the configuration; or copy" \
      "  $example to that name and edit it. Then \`sudo systemctl restart edgehar\`."
    return
  fi
  if ! config_passes >/dev/null; then
    say "" "Next: edit $config, above all the broker and who wears what, until"
    say "  sudo $check" "says nothing is wrong; then \`sudo systemctl restart edgehar\`. It starts by itself at every boot."
    return
  fi
  if ! systemd_runs; then
    say "" "systemd does not run here: edgehar starts with the next boot."
    return
  fi
  systemctl restart edgehar || refuse "the new edgehar did not start: journalctl -u edgehar says why"
  say "" "edgehar runs. Next: \`systemctl status edgehar\` says who is heard, \`journalctl -u edgehar -f\` what happens."
}

forget_previous() {
  local old
  for old in "$program".*; do
    [ "$old" = "$slot" ] || run rm -rf "$old"
  done
  if has_password_of_before && cmp -s "$settings/mqtt-password" "$password"; then
    run rm "$settings/mqtt-password"
  fi
}

install_all() {
  need_python
  choose_slot
  if systemd_runs && systemctl is-active --quiet edgehar; then was_active=yes; fi
  trap discard EXIT
  build
  protect_what_works
  make_account
  make_settings
  link_to "$slot"
  install_files
  start
  trap - EXIT
  forget_previous
}

uninstall_all() {
  if systemd_runs; then run systemctl disable --now --quiet edgehar 2>/dev/null || true; else
    run systemctl disable --quiet edgehar 2>/dev/null || true
  fi
  run rm -rf "$unit" "$rules" "$program" "$program".* "$settings/edgehar.schema.json" "$example"
  if [ -L "$command" ]; then run rm "$command"; fi
  if systemd_runs; then run systemctl daemon-reload; fi
  if udev_runs; then run udevadm control --reload; fi
  if [ -n "$is_purge" ]; then
    run rm -rf "$settings" "$state" "$cache" /var/lib/private/edgehar /etc/credstore/edgehar.*
    if grep -q "^$account:" /etc/passwd; then run userdel "$account"; fi
  fi
  if [ -n "$is_dry" ]; then
    say "Nothing was removed."
  elif [ -n "$is_purge" ]; then
    say "edgehar is gone, with its configuration, password, state and the weights of a camera."
  else
    say "edgehar is gone. Its configuration stays in $settings, its state in $state; --uninstall --purge removes them too."
  fi
}

read_options "$@"
umask 022
need_root
need_system
"${action}_all"

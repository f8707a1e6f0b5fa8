# Sourced by the commands at the top of the tree: finds JDK 25 and sees to Debian packages.
# shellcheck shell=bash

say() { printf 'plumbline: %s\n' "$*" >&2; }

is_jdk25() { [ -x "$1/bin/javac" ] && grep -q '^JAVA_VERSION="25' "$1/release" 2>/dev/null; }

# Sets JAVA_HOME: the one given if it is JDK 25, else the first below /usr/lib/jvm, or wherever JVM_DIRECTORY says.
find_jdk() {
  local candidate directory=${JVM_DIRECTORY:-/usr/lib/jvm}
  for candidate in "${JAVA_HOME:-}" "$directory"/*; do
    if [ -n "$candidate" ] && is_jdk25 "$candidate"; then
      export JAVA_HOME=$candidate
      return
    fi
  done
  say "no JDK 25 in JAVA_HOME or below $directory: install one there, or set JAVA_HOME to where it is"
  exit 1
}

is_installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# need_packages NAME[|ALTERNATIVE]...: installs what is missing, or says which one command does.
need_packages() {
  local want name found missing=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "Debian 12 is needed: this host has no dpkg and apt"
    exit 1
  fi
  for want in "$@"; do
    found=
    for name in ${want//|/ }; do
      if is_installed "$name"; then found=$name; break; fi
    done
    [ -n "$found" ] || missing+=("$want")
  done
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

install_packages() {
  local want names=() log
  if [ "$(id -u)" -ne 0 ]; then
    for want in "$@"; do names+=("$(first_known "$want")"); done
    say "missing Debian packages; install them with: sudo apt-get install --no-install-recommends ${names[*]}"
    exit 1
  fi
  # Which of the alternatives there are is known behind this.
  apt-get update -qq >&2 || true
  for want in "$@"; do names+=("$(first_known "$want")"); done
  say "installing ${names[*]}"
  log=$(mktemp)
  if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${names[@]}" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    rm -f "$log"
    say "apt-get could not install ${names[*]}: see above"
    exit 1
  fi
  rm -f "$log"
}

# The first of the alternatives that this Debian release has.
first_known() {
  local name
  for name in ${1//|/ }; do
    if apt-cache show "$name" >/dev/null 2>&1; then echo "$name"; return; fi
  done
  echo "${1%%|*}"
}

# shellcheck disable=SC2034 # read by the scripts that source this
readonly PACKAGES_DECODING=('libzydis4.0|libzydis4.1')
# shellcheck disable=SC2034
PACKAGES_BUILDING=()
command -v mvn >/dev/null || PACKAGES_BUILDING=(maven)
# shellcheck disable=SC2034
readonly PACKAGES_BUILDING
# shellcheck disable=SC2034
readonly PACKAGES_TESTBED=(qemu-system-x86 busybox-static gcc libc6-dev make libelf1)
# shellcheck disable=SC2034
readonly PACKAGES_TESTS=(binutils cpio bpftool shellcheck)

# Sourced by the commands at the top of the tree: finds JDK 25 and sees to Debian packages.
# shellcheck shell=bash

say() { printf 'plumbline: %s\n' "$*" >&2; }

is_jdk25() { [ -x "$1/bin/javac" ] && grep -q '^JAVA_VERSION="25' "$1/release" 2>/dev/null; }

# Sets JAVA_HOME: the one given if it is JDK 25, else the first below /usr/lib/jvm.
find_jdk() {
  local candidate
  for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
    if [ -n "$candidate" ] && is_jdk25 "$candidate"; then
      export JAVA_HOME=$candidate
      return
    fi
  done
  say "no JDK 25 in JAVA_HOME or below /usr/lib/jvm: install one there, or set JAVA_HOME to where it is"
  exit 1
}

is_installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# need_packages NAME[|ALTERNATIVE]...: installs what is missing, or says which one command does.
need_packages() {
  local want name found missing=()
  for want in "$@"; do
    found=
    for name in ${want//|/ }; do
      if is_installed "$name"; then found=$name; break; fi
    done
    [ -n "$found" ] || missing+=("$want")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    say "missing Debian packages; install them with: sudo apt-get install --no-install-recommends $(first_of "${missing[@]}")"
    exit 1
  fi
  say "installing $(first_of "${missing[@]}")"
  apt-get update -qq >&2 || true
  local names=()
  for want in "${missing[@]}"; do names+=("$(first_known "$want")"); done
  local log
  log=$(mktemp)
  if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${names[@]}" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    rm -f "$log"
    say "apt-get could not install ${names[*]}: see above"
    exit 1
  fi
  rm -f "$log"
}

first_of() { local want; for want in "$@"; do printf '%s ' "${want%%|*}"; done; }

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
readonly PACKAGES_TESTBED=(qemu-system-x86 busybox-static gcc libc6-dev)
# shellcheck disable=SC2034
readonly PACKAGES_TESTS=(binutils cpio bpftool shellcheck)

# Sourced by ./verify: a run of tests that was filtered, or found none, must not pass for one that passed.
# shellcheck shell=bash

readonly MODULES=(core drivers testbed app)

# A module none of whose tests are asked for makes no directory of its own.
forget_reports() {
  rm -rf "${MODULES[@]/%//target/surefire-reports}"
  mkdir -p "${MODULES[@]/%//target/surefire-reports}"
}

# classes_with guest|unit: the test classes that have some of the kind.
classes_with() {
  local source
  grep -rlE --include='*Test.java' '@(Parameterized)?(Test|Class)\b' "${MODULES[@]/%//src/test}" | while read -r source; do
    case $1 in
      guest)
        grep -q '@Tag("guest")' "$source" || continue
        [ "${guests:-some}" = all ] || ! grep -q '^@Tag("all")' "$source" || continue
        ;;
      unit) ! grep -q '@Tag("guest")' "$source" || continue ;;
    esac
    basename "$source" .java
  done
}

# tests_run CLASS: how many of its tests ran, by Maven's report; 0 if there is none.
tests_run() {
  find "${MODULES[@]/%//target/surefire-reports}" -name "TEST-*.$1.xml" -exec \
    sed -n 's/^<testsuite .* tests="\([0-9]*\)".* skipped="\([0-9]*\)".*/\1 \2/p' {} + 2>/dev/null |
    awk '{ ran += $1 - $2 } END { print ran + 0 }'
}

# all_ran guest|unit: says how many tests ran, and fails if of some class none did.
all_ran() {
  local class run total=0 missing=()
  for class in $(classes_with "$1"); do
    run=$(tests_run "$class")
    [ "$run" -gt 0 ] || missing+=("$class")
    total=$((total + run))
  done
  if [ ${#missing[@]} -ne 0 ] || [ "$total" -eq 0 ]; then
    say "no test ran of: ${missing[*]:-any class}"
    return 1
  fi
  say "$total $1 tests ran"
}

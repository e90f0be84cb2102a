#!/bin/bash
# Runs every fuzz driver for a while, two at a time (or as many as there are processors).
#
#   tests/fuzz/run.sh SECONDS DIR     DIR: where the drivers are; findings go to DIR/found
#
# Seeds come from tests/fuzz/corpus/NAME (kept in the repository) and grow in DIR/corpus/NAME.
# A line a driver; the last line counts them as tests are counted.
set -uo pipefail
seconds=${1:?usage: run.sh SECONDS DIR}
dir=${2:?usage: run.sh SECONDS DIR}
here=$(cd "$(dirname "$0")" && pwd) || exit 3
mkdir -p "$dir/found"

# one DRIVER: exit status 0 always; leaves "ok" or "bad" in its .result.
one() {
	local driver=$1 name seeds=() options=()
	name=$(basename "$driver")
	name=${name#fuzz_}
	mkdir -p "$dir/corpus/$name"
	[ ! -d "$here/corpus/$name" ] || seeds=("$here/corpus/$name")
	# Machines have thousands of features: to count how rare each is takes more time than the machine.
	case $name in ike | probe) options=(-entropic=0) ;; esac
	# A hanging input is a finding too: 10 s for one that should take microseconds.
	if timeout -k 5 $((seconds + 60)) "$driver" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$dir/found/$name-" "${options[@]}" \
		"$dir/corpus/$name" "${seeds[@]}" </dev/null >"$dir/$name.log" 2>&1; then
		echo ok >"$dir/$name.result"
		printf 'ok   fuzz %-20s %s runs in %s s\n' "$name" \
			"$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/$name.log")" "$seconds"
	else
		echo bad >"$dir/$name.result"
		printf 'FAIL fuzz %s\n' "$name"
		grep -v '^#[0-9]' "$dir/$name.log" | tail -n 60
	fi
}
export -f one
export seconds dir here

# An input frees far less than this; a larger quarantine is memory that is always cold.
export ASAN_OPTIONS=quarantine_size_mb=4${ASAN_OPTIONS:+:$ASAN_OPTIONS}

rm -f "$dir"/*.result
drivers=()
for driver in "$here"/fuzz_*.c; do
	[ -e "$driver" ] || continue
	driver=$(basename "$driver" .c)
	drivers+=("$dir/$driver")
done
# shellcheck disable=SC2016 # the inner bash expands it
[ ${#drivers[@]} -eq 0 ] || printf '%s\0' "${drivers[@]}" |
	xargs -0 -P "$(nproc)" -n 1 bash -c 'one "$1"' one
ok=$(cat "$dir"/*.result 2>/dev/null | grep -c ok)
echo "$ok passed, $((${#drivers[@]} - ok)) failed, 0 skipped"
[ "$ok" -eq ${#drivers[@]} ]

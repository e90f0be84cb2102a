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
	case $name in ike | probe | methods) options=(-entropic=0) ;; esac
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
		again "$driver" "$name"
	fi
}

# again DRIVER NAME: the input that it found, alone, with the stacks of its allocations.
again() {
	local input log=$dir/$2.log
	input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
	[ -n "$input" ] && [ -e "$input" ] || return 0
	ASAN_OPTIONS="$options_given" timeout -k 5 60 "$1" -timeout=10 -rss_limit_mb=2048 "$input" </dev/null >"$log.again" 2>&1
	printf 'again, alone: exit status %s\n' "$?"
	grep -E -A 24 'ERROR|SUMMARY' "$log.again" | head -n 60
}
export -f one again
options_given=${ASAN_OPTIONS:-}
export seconds dir here options_given

# An input frees far less than this; a larger quarantine is memory that is always cold. The stack of each allocation costs
# a tenth of a run: again() shows those that matter.
export ASAN_OPTIONS=quarantine_size_mb=4:malloc_context_size=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}

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
failed=$(grep -l bad "$dir"/*.result 2>/dev/null | sed 's|.*/||; s|\.result$||' | tr '\n' ' ')
[ -z "$failed" ] || echo "failed: $failed"
# Here again, as a long log loses its middle: the checks that failed.
for name in $failed; do grep -h -E '^(fuzz: |SUMMARY)' "$dir/$name.log"; done
echo "$ok passed, $((${#drivers[@]} - ok)) failed, 0 skipped"
[ "$ok" -eq ${#drivers[@]} ]

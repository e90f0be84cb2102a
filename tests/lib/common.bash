# shellcheck shell=bash
# What every bats file loads: "load lib/common".
#
# SAPIPE_TOP is the project's root, SAPIPE_BUILD the build under test (and first in
# PATH), VECTORS a directory of further published vectors, if there is one.

SAPIPE_TOP=${SAPIPE_TOP:-$(cd "$BATS_TEST_DIRNAME" && git rev-parse --show-toplevel)}
SAPIPE_BUILD=${SAPIPE_BUILD:-$SAPIPE_TOP/build}
VECTORS=${SAPIPE_VECTORS:-$SAPIPE_TOP/../shared/vectors}
export SAPIPE_TOP SAPIPE_BUILD VECTORS
case :$PATH: in
*:"$SAPIPE_BUILD":*) ;;
*) export PATH=$SAPIPE_BUILD:$PATH ;;
esac
export LC_ALL=C TZ=UTC
# Where tools keep claims and leases: of each test its own.
export STATE_DIRECTORY=${BATS_TEST_TMPDIR:-${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}}}/state.d
# The Python of the tests finds tests/lib, and writes nothing there.
export PYTHONPATH=$SAPIPE_TOP/tests/lib PYTHONDONTWRITEBYTECODE=1

# need TOOL...: skips the test where the tree has no such tool; one that is there but
# not built is a failure.
need() {
	local tool
	for tool; do
		[ -d "$SAPIPE_TOP/cmd/$tool" ] || skip "there is no cmd/$tool yet"
		[ -x "$SAPIPE_BUILD/$tool" ] || {
			echo "$tool is not built"
			return 1
		}
	done
}

# have_python MODULE...: whether Python has them; looks, and loads nothing.
have_python() {
	/usr/bin/python3 -c 'import importlib.util, sys
sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))' "$@"
}

# once NAME COMMAND...: a copy of what COMMAND makes in its directory, in $BATS_FILE_TMPDIR/NAME. The parts of a file run
# it once for all of them.
once() {
	local made=${TESTS_SHARED:-$BATS_FILE_TMPDIR}/$1.made
	(
		flock 9
		[ -d "$made" ] || {
			mkdir "$made.new" && (cd "$made.new" && "${@:2}") && mv "$made.new" "$made"
		}
	) 9>"$made.lock" && cp -r "$made" "$BATS_FILE_TMPDIR/$1"
}

# stderr_has TEXT, output_has TEXT: claims about the last run, that show what there was
# when they fail. stderr needs run --separate-stderr.
stderr_has() {
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr == *"$1"* ]] || {
		printf 'not on stderr: %s\nthere was: %s\n' "$1" "$stderr"
		return 1
	}
}

output_has() {
	# shellcheck disable=SC2154 # run sets it
	[[ $output == *"$1"* ]] || {
		printf 'not in the output: %s\nthere was: %s\n' "$1" "$output"
		return 1
	}
}

# one_error: the last run said what happened in one line "TOOL: ...", at most one hint
# after it, and nothing on stdout.
one_error() {
	local rest
	# shellcheck disable=SC2154 # run sets it
	rest=$(grep -v '^hint: ' <<<"$stderr")
	if [ -n "$output" ] || [ -z "$rest" ] || [ "$(wc -l <<<"$rest")" -ne 1 ]; then
		printf 'not one line of error.\nstdout: %s\nstderr: %s\n' "$output" "$stderr"
		return 1
	fi
}

# nap SECONDS: waits without a process of its own, which "sleep" would be.
nap() {
	[ -n "${NAP_FD-}" ] || exec {NAP_FD}<> <(:)
	read -rt "$1" -u "$NAP_FD" || :
}

# eventually SECONDS COMMAND...: waits until COMMAND succeeds; fails when it never does. A busy machine with sanitizers may
# take six times as long.
eventually() {
	local end=$((SECONDS + 6 * $1)) pause=.02
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		nap $pause
		case $pause in .02) pause=.05 ;; .05) pause=.1 ;; *) pause=.2 ;; esac
	done
}

# Background processes: "background NAME COMMAND..." starts one with no descriptor of
# bats' own, output in $BATS_TEST_TMPDIR/NAME.{out,err}, its pid in the array BG[NAME];
# stop_background ends those that are left (TERM, then KILL) and belongs in teardown.
declare -gA BG

background() {
	local name=$1
	shift
	# A function runs in a shell of its own, which would get the signals instead of the command.
	! declare -F "$1" >/dev/null || { echo "background: $1 is a function"; return 1; }
	if [ -n "${BG[$name]-}" ]; then
		kill "${BG[$name]}" 2>/dev/null || :
		reap "$name"
	fi
	# Emptied here: the child opens them some time later, and a test may look before it does.
	: >"$BATS_TEST_TMPDIR/$name.out"
	: >"$BATS_TEST_TMPDIR/$name.err"
	"$@" </dev/null >"$BATS_TEST_TMPDIR/$name.out" 2>"$BATS_TEST_TMPDIR/$name.err" 3>&- 4>&- &
	BG[$name]=$!
}

# ended NAME [SECONDS]: waits for the end of one, as eventually does; returns its exit status, 124 if it runs on.
ended() {
	local pid=${BG[$1]} end=$((SECONDS + 6 * ${2:-5}))
	while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $end ]; do nap .02; done
	! kill -0 "$pid" 2>/dev/null || return 124
	unset "BG[$1]"
	wait "$pid"
}

# reap NAME: waits for one that was told to end.
reap() {
	local pid=${BG[$1]} end=$((SECONDS + 5))
	while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $end ]; do nap .02; done
	kill -9 "$pid" 2>/dev/null || :
	wait "$pid" 2>/dev/null || :
	unset "BG[$1]"
}

stop_background() {
	local name
	for name in "${!BG[@]}"; do kill "${BG[$name]}" 2>/dev/null || :; done
	for name in "${!BG[@]}"; do reap "$name"; done
}

# netns_gone NAME...: deletes these namespaces of the test, and ends what still runs in them, such as the rest of a pipeline.
netns_gone() {
	local ns
	for ns; do
		[ -n "$ns" ] || continue
		ip netns pids "$ns" 2>/dev/null | xargs -r kill -KILL 2>/dev/null || :
		ip netns del "$ns" 2>/dev/null || :
	done
}

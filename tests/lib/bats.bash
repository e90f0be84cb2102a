#!/bin/bash
# Runs a bats file as bats does, in less time: one process, from which each test is forked. bats starts some ten
# processes for each test and calls a function before each command.
#
#   tests/lib/bats.bash [-p PART/PARTS] [-n NAME]... FILE
#
# -p 2/5 runs each test whose number leaves the same remainder as 2 when divided by 5; -n runs the tests of that
# name. The output is TAP, each test with its duration.
#
# Of bats it has what our files use: setup_file, setup, teardown, load, skip, run with "!", "-N" and
# --separate-stderr, BATS_TEST_TMPDIR, BATS_FILE_TMPDIR, BATS_RUN_TMPDIR, BATS_TEST_DIRNAME, BATS_TEST_NUMBER and
# BATS_TEST_COMPLETED. "bats FILE" runs the same files; tests/run.bats compares the two.

# shellcheck disable=SC2034 # most variables are for the tests
bats_part="" bats_parts="" bats_names=()
while getopts p:n: bats_opt; do
	case $bats_opt in
	p) IFS=/ read -r bats_part bats_parts <<<"$OPTARG" ;;
	n) bats_names+=("$OPTARG") ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
BATS_TEST_FILENAME=$1
BATS_TEST_DIRNAME=$(cd "$(dirname "$1")" && pwd) || exit 2
BATS_RUN_TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/bats-run-XXXXXX") || exit 3
BATS_FILE_TMPDIR=$BATS_RUN_TMPDIR/file
export BATS_TEST_FILENAME BATS_TEST_DIRNAME BATS_RUN_TMPDIR BATS_FILE_TMPDIR
exec 3>&1 4>&1
set --

# ---- for the tests

setup_file() { :; }
setup() { :; }
teardown() { :; }
bats_require_minimum_version() { :; }

load() {
	# shellcheck disable=SC1090
	source "$BATS_TEST_DIRNAME/${1%.bash}.bash"
}

skip() {
	printf '%s' "${1-}" >"$BATS_TEST_TMPDIR.skip"
	BATS_TEST_COMPLETED=1
	exit 0
}

# run [!|-N] [--separate-stderr] COMMAND...: its exit status in status (which must not be, or be, N), what it
# printed in output and lines, and apart in stderr and stderr_lines.
run() {
	local bats_want="" bats_apart="" bats_flags=$-
	while :; do
		case ${1-} in
		'!') bats_want=! ;;
		--separate-stderr) bats_apart=1 ;;
		-[0-9]*) bats_want=${1#-} ;;
		-*) echo "run: unknown flag $1" && return 1 ;;
		*) break ;;
		esac
		shift
	done
	set +eE
	if [ -n "$bats_apart" ]; then
		output=$("$@" 2>"$BATS_TEST_TMPDIR.stderr") && status=0 || status=$?
		IFS= read -rd '' stderr <"$BATS_TEST_TMPDIR.stderr" || :
		while [[ $stderr == *$'\n' ]]; do stderr=${stderr%$'\n'}; done
		bats_split stderr_lines "$stderr"
	else
		output=$("$@" 2>&1) && status=0 || status=$?
	fi
	bats_split lines "$output"
	set "-$bats_flags"
	case $bats_want in
	'' | "$status") return 0 ;;
	!) [ "$status" = 0 ] || return 0 ;;
	esac
	printf 'run %s: exit status %d, expected %s\n' "$*" "$status" "$bats_want"
	printf 'output: %s\n' "$output"
	[ -z "$bats_apart" ] || printf 'stderr: %s\n' "$stderr"
	return 1
}

# bats_split ARRAY TEXT: the lines of it that are not empty.
bats_split() {
	local IFS=$'\n' bats_had=$-
	set -f
	# shellcheck disable=SC2206 # split by IFS
	eval "$1=(\$2)"
	[[ $bats_had == *f* ]] || set +f
}

# ---- a test, or setup_file: where it failed first

bats_where=()
bats_on_error() {
	local i file
	bats_where=()
	for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
		# "return 1" of the test itself: bash says no line
		[[ ${FUNCNAME[i]} != bats_one ]] || break
		file=${BASH_SOURCE[i]}
		[[ $file != /dev/fd/* ]] || file=$BATS_TEST_FILENAME
		bats_where+=("${file#"$PWD"/}, line ${BASH_LINENO[i - 1]}")
		[[ ${FUNCNAME[i]} != @(bats_test_*|setup|setup_file) ]] || break
	done
}

# bats_not_ok NUMBER NAME FILE: the line, the place, and the output in FILE as comments.
bats_not_ok() {
	local line file
	printf 'not ok %s %s\n' "$1" "$2"
	for line in "${bats_where[@]}"; do printf '# (%s)\n' "$line"; done
	if [ ${#bats_where[@]} -gt 0 ]; then
		line=${bats_where[-1]##*, line } file=${bats_where[-1]%, line *}
		mapfile -t file <"$file"
		printf "#   \`%s' failed\n" "${file[line - 1]#"${file[line - 1]%%[![:space:]]*}"}"
	fi
	while IFS= read -r line || [ -n "$line" ]; do printf '# %s\n' "$line"; done <"$3"
}

# The end of a test, by its own or by a failure.
bats_end() {
	local rc=$?
	trap - EXIT
	teardown || { [ -z "$BATS_TEST_COMPLETED" ] || rc=1; BATS_TEST_COMPLETED=; }
	[ -z "$BATS_TEST_COMPLETED" ] || exit 0
	declare -p bats_where >"$BATS_TEST_TMPDIR.where"
	exit $((rc ? rc : 1))
}

# bats_one NUMBER: in a subshell.
bats_one() {
	export BATS_TEST_NUMBER=$1 BATS_TEST_DESCRIPTION=${bats_all[$1]} BATS_TEST_TMPDIR=$BATS_RUN_TMPDIR/test/$1
	[ -z "${STATE_DIRECTORY-}" ] || export STATE_DIRECTORY=$BATS_TEST_TMPDIR/state.d	# as lib/common sets it for bats, which loads it in each test
	BATS_TEST_COMPLETED=
	set -eE
	trap bats_on_error ERR
	trap bats_end EXIT
	setup
	"bats_test_$1"
	BATS_TEST_COMPLETED=1
}

# ---- the file

# A test becomes a function in the same line.
bats_all=('')
mapfile -t bats_text <"$BATS_TEST_FILENAME"
for bats_n in "${!bats_text[@]}"; do
	[[ ${bats_text[bats_n]} == '@test "'*'" {' ]] || continue
	bats_text[bats_n]="bats_test_${#bats_all[@]}() { ${bats_text[bats_n]:6}"
	bats_all+=("${bats_text[bats_n]#*\"}")
	bats_all[-1]=${bats_all[-1]%\" \{}
	bats_text[bats_n]=${bats_text[bats_n]%% \"*}
done

# bats_wanted NUMBER
bats_wanted() {
	local name
	[ -z "$bats_part" ] || return $(($1 % bats_parts != bats_part % bats_parts))
	[ ${#bats_names[@]} -gt 0 ] || return 0
	for name in "${bats_names[@]}"; do [ "$name" != "${bats_all[$1]}" ] || return 0; done
	return 1
}
bats_chosen=()
for ((bats_n = 1; bats_n < ${#bats_all[@]}; bats_n++)); do
	! bats_wanted $bats_n || bats_chosen+=("$bats_n")
done
printf '1..%d\n' ${#bats_chosen[@]}
bats_rc=0
mkdir -p "$BATS_FILE_TMPDIR" "${bats_chosen[@]/#/"$BATS_RUN_TMPDIR/test/"}" || exit 3

# Leaves nothing behind, whatever ends it; an end before the tests is a failure of them.
bats_leave() {
	local rc=$?
	[ -n "$bats_ready" ] || { bats_not_ok 1 "setup_file" "$BATS_RUN_TMPDIR/out" >&3; rc=1; }
	rm -rf "$BATS_RUN_TMPDIR"
	exit $((rc ? rc : bats_rc))
}
bats_ready=
trap bats_leave EXIT
set -eE
trap bats_on_error ERR
{
	# shellcheck disable=SC1090
	source <(printf '%s\n' "${bats_text[@]}")
	setup_file
} >"$BATS_RUN_TMPDIR/out" 2>&1
trap - ERR
set +eE
bats_ready=1

for bats_n in "${bats_chosen[@]}"; do
	bats_start=${EPOCHREALTIME/./}
	bats_where=()
	(bats_one "$bats_n") >"$BATS_RUN_TMPDIR/out" 2>&1
	bats_failed=$?
	bats_name="${bats_all[bats_n]} in $(((${EPOCHREALTIME/./} - bats_start) / 1000))ms"
	BATS_TEST_TMPDIR=$BATS_RUN_TMPDIR/test/$bats_n
	[ ! -e "$BATS_TEST_TMPDIR.skip" ] || bats_name+=" # skip $(<"$BATS_TEST_TMPDIR.skip")"
	if [ $bats_failed -ne 0 ]; then
		bats_rc=1
		# shellcheck disable=SC1090
		[ ! -e "$BATS_TEST_TMPDIR.where" ] || source "$BATS_TEST_TMPDIR.where"
		bats_not_ok "$bats_n" "$bats_name" "$BATS_RUN_TMPDIR/out"
	else
		printf 'ok %s %s\n' "$bats_n" "$bats_name"
	fi
done

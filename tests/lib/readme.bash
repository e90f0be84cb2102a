# shellcheck shell=bash
# The examples of README.md and of the pages sapipe-*(7), as they stand there, on the two machines of
# tests/lib/lab.bash: a block of code has a name in a comment before it, "example: NAME" what is typed, and "output: NAME"
# what it prints, with "..." for what differs from run to run.
#
#   load lib/common
#   load lib/lab
#   load lib/readme

DOCS=("$SAPIPE_TOP"/README.md "$SAPIPE_TOP"/man/sapipe-examples.7 "$SAPIPE_TOP"/man/sapipe-troubles.7 "$SAPIPE_TOP"/man/sapipe-tutorial.7)

# block KIND NAME: the text of that block.
block() {
	awk -v md="<!-- $1: $2 -->" -v page=".\\\\\" $1: $2" '
		$0 == md || $0 == page { on = 1; next }
		on && /^(```|\.Bd|\.Ed)/ { if (inside) exit; inside = 1; next }
		!inside { next }
		FILENAME ~ /\.7$/ { sub(/^\\&/, ""); gsub(/\\e/, "\\") }
		{ print }
	' "${DOCS[@]}"
}

example() { block example "$1"; }

# machines: left and right with the secret in the directory where the examples run.
machines() {
	need ike-initiate ike-respond esp-tun sa-show skeyid-calc ike-trace natd-probe dpd-ping
	lab_topology
	mkdir -m 700 "$LAB_STATE/left" "$LAB_STATE/right"
	(cd "$LAB_STATE/left" && bash -ec "$(example secret)")
	cp "$LAB_STATE/left/gw.psk" "$LAB_STATE/right/gw.psk"
}

# resident SIDE NAME: starts that example there; run SIDE NAME: runs it to its end.
# Claims go beside the keys: the two machines share this one's disk.
resident() {
	local claims
	claims=$(printf 'cd %q; export HOME=.; esp-tun() { command esp-tun --state-dir claims "$@"; }' \
		"$LAB_STATE/$1")
	lab_start "$2" "$1" "$claims
$(example "$2")"
}

answers() {
	eventually 5 lab_listens_on right 500
}

lab_listens_on() { "in_$1" ss -Hlun "sport = :$2" | grep -q .; }

example_in() {
	(cd "$LAB_STATE/$1" && "in_$1" bash -o pipefail -ec "$(example "$2")" </dev/null)
}

# types NAME: as at a terminal in left: what fails does not end it; all that it prints, in $typed.
# shellcheck disable=SC2034 # for the tests
types() {
	typed=$(cd "$LAB_STATE/left" && in_left bash -c "$(declare -f pkill)
$(example "$1")" </dev/null 2>&1) || :
}

# shows NAME TEXT: that output's lines are lines of TEXT, in that order.
shows() {
	local want line
	[ -n "$(block output "$1")" ] || { echo "no output of $1 is documented"; return 1; }
	exec 5<<<"$2"
	while IFS= read -r want; do
		want=$(sed 's/[][*?\\]/\\&/g; s/\.\.\./*/g' <<<"$want")
		while :; do
			IFS= read -r line <&5 || {
				printf 'not there, or not in this order: %s\n---- there was:\n%s\n' "$want" "$2"
				return 1
			}
			# shellcheck disable=SC2053 # a pattern
			[[ $line != $want ]] || break
		done
	done < <(block output "$1")
	exec 5<&-
}

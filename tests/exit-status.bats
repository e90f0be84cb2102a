#!/usr/bin/env bats
# The exit status of a negotiator, for each way in which it ends: scripts depend on it.
# shards: 4
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell, and BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/ike

setup() {
	need ike-initiate ike-respond
	ike_setup
	Q=(--timeout 1)		# nobody answers: not for long
}
teardown() { stop_background; }

# status WANT CLAIM COMMAND...: its exit status is WANT; what it wrote is in last.out and last.err.
status() {
	local want=$1 claim=$2 got=0
	shift 2
	"$@" >last.out 2>last.err </dev/null || got=$?
	[ "$got" = "$want" ] || {
		printf '%s: exit status %s, not %s\n' "$claim" "$got" "$want"
		cat last.err
		return 1
	}
}

# stopped WANT CLAIM SIGNAL TEXT COMMAND...: the same, with SIGNAL sent once standard error has TEXT.
stopped() {
	local want=$1 claim=$2 signal=$3 text=$4 got=0
	shift 4
	background stopped "$@"
	eventually 10 grep -q -- "$text" stopped.err || { echo "$claim: did not say $text"; cat stopped.err; return 1; }
	kill "-$signal" "${BG[stopped]}"
	ended stopped 10 || got=$?
	[ "$got" = "$want" ] || {
		printf '%s: exit status %s, not %s\n' "$claim" "$got" "$want"
		cat stopped.err
		return 1
	}
}

# ends WANT: the responder exits, or a signal ends it, with that status.
ends() {
	local got=0
	ended r 10 || got=$?
	[ "$got" = "$1" ] || { echo "ike-respond: exit status $got, not $1"; cat r.err; return 1; }
}

# Each way to ask for something, for the tests below.
IKE=aes128-sha1-modp1024 ESP=aes128-sha1 PSK=gw.psk ID=any
asks() {
	timeout 20 ike-initiate --local "$I" --linger 0.1 --psk-file "$PSK" --remote-id "$ID" --ike "$IKE" -o o.sa "$@" "$R"
}
one_shot() { asks --esp "$ESP" "${NETS[@]}" "$@"; }
phase1() { asks --phase1 "$@"; }
keep() { one_shot --keep "$@"; }
keep1() { phase1 --keep "$@"; }

@test "exit status: no answer: 1 in every mode, and no file is written" {
	local way
	for way in one_shot phase1 keep keep1; do
		status 1 "$way, nobody there" "$way" "${Q[@]}"
		[ -s last.err ]
		[ ! -e o.sa ]
	done
}

@test "exit status: the secrets differ: 1, whatever was asked for" {
	local way
	usual_responder --timeout 4
	PSK=other.psk
	for way in one_shot phase1 keep keep1; do
		status 1 "$way, wrong secret" "$way" --timeout 3
		grep -q "pre-shared keys differ" last.err
		[ ! -e o.sa ]
	done
}

@test "exit status: the proposals or the identity do not fit: 1, whatever was asked for" {
	local way
	usual_responder --local-id right.example
	for way in one_shot phase1 keep keep1; do
		IKE=aes256-sha256-modp1024 status 1 "$way, proposal" "$way"
		ID=elsewhere.example status 1 "$way, identity" "$way"
		[ ! -e o.sa ]
	done
}

@test "exit status: the requested SAs are established: 0, and the file is written" {
	usual_responder
	status 0 "one-shot" one_shot
	[ -s o.sa ]
	rm o.sa
	status 0 "phase1" phase1
	[ -s o.sa ]
	status 0 "phase2" ike-initiate --phase2 o.sa --linger 0 "${NETS[@]}" --esp aes128-sha1 -o c.sa
	status 0 "delete" ike-initiate --delete o.sa
}

@test "exit status: phase 2 is refused: 1, by --phase2 too" {
	usual_responder
	ESP=aes256-sha1 status 1 "one-shot" one_shot
	status 0 "phase1" phase1
	status 1 "phase2" ike-initiate --phase2 o.sa --linger 0 "${NETS[@]}" --esp aes256-sha1 -o c.sa
	[ ! -e c.sa ]
	ESP=aes256-sha1 status 1 "keep" keep
}

@test "exit status: of two pairs of networks one is refused: 1, and the other's records are there" {
	usual_responder
	status 1 "one of two" one_shot --remote-ts 10.9.0.0/24
	[ -s o.sa ]
}

@test "exit status: a signal before anything is established: 1" {
	local sig
	for sig in TERM INT HUP; do
		stopped 1 "one-shot, $sig" "$sig" "message 1" ike-initiate -vv --local "$I" --psk-file gw.psk "${FAST[@]}" \
			"${NETS[@]}" -o o.sa "$R"
	done
	stopped 1 "phase1" TERM "message 1" ike-initiate -vv --phase1 --local "$I" --psk-file gw.psk "${FAST[@]}" -o o.sa "$R"
	stopped 1 "keep" TERM "message 1" ike-initiate -vv --keep --local "$I" --psk-file gw.psk "${FAST[@]}" "${NETS[@]}" \
		-o o.sa "$R"
	[ ! -e o.sa ]
}

@test "exit status: a signal to a tunnel that is up: 0" {
	usual_responder
	stopped 0 "keep" TERM "child SA" ike-initiate -v --keep --local "$I" --psk-file gw.psk --remote-id any "${FAST[@]}" \
		"${NETS[@]}" -o o.sa "$R"
	stopped 0 "keep phase1" TERM "phase 1 with" ike-initiate -v --keep --phase1 --local "$I" --psk-file gw.psk \
		--remote-id any "${FAST[@]}" -o o.sa "$R"
}

@test "exit status: ike-respond that is stopped: 0; with --once and nobody served: 1" {
	background r ike-respond --listen "$R" "${FAST[@]}" --psk-file gw.psk
	eventually 10 bound "$R"
	kill "${BG[r]}"
	ends 0
	background r ike-respond --once --listen "$R" "${FAST[@]}" --psk-file gw.psk
	eventually 10 bound "$R"
	kill "${BG[r]}"
	ends 1
}

@test "exit status: ike-respond --once ends with its peer: 0 if it has a child SA, 1 if it failed" {
	usual_responder --once --linger 0.1
	status 0 "served" one_shot
	ends 0
	usual_responder --once --linger 0.1 --timeout 3
	PSK=other.psk status 1 "wrong secret" one_shot --timeout 3
	ends 1
	usual_responder --once --linger 0.1
	ESP=aes256-sha1 status 1 "phase 2 refused" one_shot
	ends 1
	usual_responder --once --linger 0.1 --local-id right.example
	ID=elsewhere.example status 1 "the peer rejects our identity" one_shot
	ends 1
}

@test "exit status: the reader of the records ends first: 3" {
	usual_responder
	run -3 bash -c 'set -o pipefail
		timeout 20 ike-initiate --keep --local "$1" --psk-file gw.psk --remote-id any --ike aes128-sha1-modp1024 \
			--esp aes128-sha1 --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 "$2" 2>e | head -c 1 >/dev/null' - "$I" "$R"
}

@test "exit status: the reader of a report ends first: 3, no signal, and a message with -v only" {
	usual_responder
	status 0 "one-shot" one_shot --pcap o.pcap
	python3 - "${R##*:}" dpd-ping esp-tun ike-initiate ike-respond ike-trace natd-probe sa-show sa-stat skeyid-calc vpnmon <<-'PY'
		import os, subprocess, sys
		port = sys.argv[1]
		runs = [[t, "-h"] for t in sys.argv[2:]] + [["sa-show", "o.sa"], ["sa-show", "--json", "o.sa"],
		    ["ike-trace", "--port", port, "--sa", "o.sa", "o.pcap"], ["ike-trace", "--port", port, "--json", "o.pcap"],
		    ["skeyid-calc", "vid", "--vid", "00"], ["ike-trace", "--port", port, "--html", "-", "o.pcap"],
		    ["sapipe", "--help"], ["sapipe", "--version"],
		    ["dpd-ping", "-W", "0.1", "-c", "1", "o.sa"]]
		def run(argv):
		    r, w = os.pipe()
		    os.close(r)
		    got = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=w, stderr=subprocess.PIPE, timeout=20)
		    os.close(w)
		    return got.returncode, got.stderr.decode()
		for argv in runs:
		    if run(argv) != (3, ""):
		        sys.exit(f"{argv}: {run(argv)}")
		got = run(["sa-show", "-v", "o.sa"])
		if got[0] != 3 or "Broken pipe" not in got[1]:
		    sys.exit(f"-v: {got}")
	PY
}

@test "exit status: a resolver that does not answer: 3; a source address that is not ours: 2" {
	local cmd
	echo "nameserver 192.0.2.1" >resolv.conf
	for cmd in "natd-probe gw.example" "dpd-ping --peer gw.example" "ike-initiate --psk-file gw.psk -o x gw.example"; do
		# no route to any resolver: it fails at once
		# shellcheck disable=SC2086 # words
		status 3 "$cmd" unshare -rnm sh -c 'mount --bind resolv.conf /etc/resolv.conf && exec "$@"' - $cmd
		grep -q "cannot look up gw.example" last.err
		grep -q "^hint: the resolver" last.err
	done
	for cmd in "vpnmon --source 192.0.2.77 --tun lo 127.0.0.1" "natd-probe --local 192.0.2.77 127.0.0.9" \
		"ike-initiate --psk-file gw.psk -o x --local 192.0.2.77 127.0.0.9" \
		"ike-initiate --psk-file gw.psk -o x --local 192.0.2.77:4500 127.0.0.9" \
		"ike-initiate --keep --psk-file gw.psk -o x --local 192.0.2.77 127.0.0.9" \
		"ike-respond --psk-file gw.psk --listen 192.0.2.77:5500"; do
		# shellcheck disable=SC2086 # words
		status 2 "$cmd" timeout 10 $cmd
		grep -q "192.0.2.77.*: Cannot assign requested address" last.err
		grep -q "^hint: this machine does not have that address" last.err
	done
}

@test "exit status: a file that does not exist: 2, in every tool that reads one" {
	local cmd
	for cmd in "sa-show absent" "sa-stat absent" "esp-tun absent" "dpd-ping absent" "ike-trace absent" "ike-trace --sa absent absent" \
		"skeyid-calc walk absent" "ike-initiate --phase2 absent" "ike-initiate --delete absent" \
		"ike-initiate --psk-file absent 127.0.0.9" "ike-respond --peers absent" "ike-respond --psk-file absent"; do
		# shellcheck disable=SC2086 # words
		status 2 "$cmd" $cmd
		[ ! -s last.out ]
		grep -q absent last.err
	done
}

@test "exit status: a directory in place of a file: 2, in every tool that reads one" {
	local cmd
	mkdir dir
	for cmd in "sa-show dir" "esp-tun dir" "dpd-ping dir" "ike-trace dir" "skeyid-calc walk dir" "esp-tun --decrypt dir -o x" \
		"ike-initiate --phase2 dir" "ike-initiate --psk-file dir 127.0.0.9" "ike-respond --peers dir" "ike-initiate --peers dir x"; do
		# shellcheck disable=SC2086 # words
		status 2 "$cmd" $cmd
		grep -qix ".*: \(.* \)\?dir: is a directory" last.err
		run ! grep -q "^hint" last.err
	done
}

@test "exit status: a place where no file can be made: 3; a directory, or what is no file, as SA state or metrics: 2, and nothing is put in its place" {
	local cmd
	mkdir dir
	: >file
	mkfifo pipe
	for cmd in "ike-initiate --psk-file gw.psk -o missing/x 127.0.0.9" "ike-initiate --psk-file gw.psk -o file/x 127.0.0.9" \
		"natd-probe --pcap missing/x 127.0.0.9" "natd-probe --pcap dir 127.0.0.9" "ike-respond --psk-file gw.psk --control missing/x --listen $R -o x" \
		"vpnmon --tun lo --metrics missing/x 192.0.2.9"; do
		# shellcheck disable=SC2086 # words
		status 3 "$cmd" timeout 10 $cmd
		grep -qE ': (Not a directory|Is a directory|No such file or directory)$' last.err
	done
	for cmd in "ike-initiate --psk-file gw.psk -o dir 127.0.0.9" \
		"vpnmon --tun lo --metrics dir 192.0.2.9" "vpnmon --tun lo --metrics pipe 192.0.2.9"; do
		# shellcheck disable=SC2086 # words
		status 2 "$cmd" timeout 10 $cmd
		grep -qE ': Is a directory$| exists and is no regular file$' last.err
		run ! grep -q "^hint" last.err
	done
	[ -p pipe ]
}

@test "exit status: standard input that is closed: 3, in every tool that reads records" {
	local cmd
	for cmd in sa-show esp-tun "dpd-ping -" "ike-initiate --phase2 -"; do
		status 3 "$cmd" bash -c "exec timeout 10 $cmd <&-"
		grep -q 'standard input: cannot read: Bad file descriptor$\|cannot read standard input: Bad' last.err
	done
}

@test "exit status: a file that this user may not read: 3, with a hint that finds out who may" {
	local cmd
	echo secret >locked
	chmod 0 locked
	chmod 755 .
	for cmd in "sa-show locked" "dpd-ping locked" "ike-trace locked" "skeyid-calc walk locked" "ike-initiate --phase2 locked" \
		"ike-initiate --psk-file locked 127.0.0.9" "ike-respond --peers locked" "ike-initiate --peers locked x" \
		"ike-respond --auth rsa --key locked --cert locked --ca locked"; do
		# shellcheck disable=SC2086 # words
		status 3 "$cmd" unprivileged $cmd
		grep -q "locked.*: Permission denied$" last.err
		grep -q "^hint: .*namei -l FILE" last.err
	done
}
# unprivileged COMMAND...: as a user who is not root, or as this one.
unprivileged() {
	if [ "$(id -u)" = 0 ]; then setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"; else "$@"; fi
}

@test "exit status: standard output is full or closed: 3, with the reason" {
	local cmd how
	usual_responder
	status 0 "one-shot" one_shot --pcap o.pcap
	for cmd in "sa-show o.sa" "sa-show --json o.sa" "ike-trace --port ${R##*:} o.pcap" "ike-trace --port ${R##*:} --html - o.pcap" \
		"skeyid-calc cookie" "natd-probe $R" "natd-probe --json $R" "dpd-ping -c 1 o.sa" "sapipe --help"; do
		for how in "/dev/full:No space left on device" "&-:Bad file descriptor"; do
			status 3 "$cmd >${how%:*}" bash -c "$cmd >${how%:*}"
			grep -q "^${cmd%% *}: cannot write .*standard output: ${how#*:}" last.err ||
				{ echo "$cmd >${how%:*}"; cat last.err; return 1; }
		done
	done
}

@test "exit status: a key without a method that uses it: 2, and the message names --auth" {
	echo x >key.pem
	status 2 "psk and a key" ike-initiate --cert key.pem --key key.pem --ca key.pem 127.0.0.9
	grep -q "^ike-initiate: --auth: it is psk, which uses no --key: rsa" last.err
}

@test "exit status: a resident negotiator keeps no child process once its -o file is there" {
	usual_responder --local-id right.example -o r.sa
	background i ike-initiate --keep --local "$I" --psk-file gw.psk --remote-id any "${FAST[@]}" "${NETS[@]}" -o i.sa "$R"
	eventually 10 test -s i.sa
	eventually 10 test -s r.sa
	eventually 5 childless r
	eventually 5 childless i
}
childless() { ! pgrep -P "${BG[$1]}" >/dev/null; }

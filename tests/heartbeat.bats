# IKE heartbeats between our own two ends, on loopback: which end sends hellos, which one is dead without, and
# what dpd-ping --heartbeat shows of it.
# shards: 5

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells expand; run sets lines
bats_require_minimum_version 1.5.0

load lib/common
load lib/ike

setup() {
	need ike-initiate ike-respond
	ike_setup
}

teardown() {
	stop_background
}

# keeper [OPTION]...: the usual initiator with --keep (BG[k], k.out, k.err); its child SA is established.
keeper() {
	background k ike-initiate -v -v --keep --local "$I" --psk-file gw.psk "${FAST[@]}" --remote-id any \
		"${NETS[@]}" "$@" "$R"
	eventually 20 grep -q "child SA .* established" k.err
}

# A machine that is busy with other tests must not look like death.
PATIENT=(--heartbeat-threshold 50)

# heard NAME N: the negotiator NAME has heard hello number N or one above it.
heard() {
	sed -n 's/.*heartbeat \([0-9]*\) of the peer.*/\1/p' "$1.err" | awk -v n="$2" '$1 >= n { ok = 1 } END { exit !ok }'
}

@test "heartbeat: both ends send hellos, each at its own interval, and neither considers the other dead" {
	usual_responder -v --heartbeat 0.3 "${PATIENT[@]}"
	keeper --heartbeat 0.2 "${PATIENT[@]}"
	eventually 20 heard r 10
	eventually 20 heard k 8
	run ! grep -q "is dead\|is a replay" r.err k.err
	kill -TERM "${BG[k]}"
	ended k
	run -0 "$CHECK" k.out
	[ "$output" = "1 child-sa, 1 ike-sa, 2 sa-delete" ]
}

@test "heartbeat: if only one end has them, none are sent and no peer is dead" {
	local side with=(--heartbeat 0.1 --heartbeat-threshold 1)
	for side in r k; do
		if [ $side = r ]; then
			usual_responder -v "${with[@]}"
			keeper
		else
			usual_responder -v
			keeper "${with[@]}"
		fi
		sleep 1.5
		run ! grep -q "heartbeat\|is dead" r.err k.err
		stop_background
	done
}

@test "heartbeat: a gateway that vanished is dead after the threshold, the records have the reason, and it is reconnected" {
	usual_responder --heartbeat 1
	keeper --heartbeat 1 --heartbeat-threshold 4 --heartbeat-reconnect 10 --dpd-interval off
	eventually 10 heard k 2
	kill -KILL "${BG[r]}"
	wait "${BG[r]}" || :
	eventually 10 grep -q "the peer is dead: 4 heartbeats lost" k.err
	grep -q "3 of 4 heartbeats of the peer lost" k.err
	run ! grep -q "reconnecting" k.err
	usual_responder --heartbeat 1
	eventually 20 r_says "child SA"
	kill -TERM "${BG[k]}"
	ended k
	run -0 /usr/bin/python3 -c 'import cbor2, sys
try:
    with open(sys.argv[1], "rb") as f:
        while True:
            print(cbor2.load(f).get("reason", "-"))
except cbor2.CBORDecodeEOF:
    pass' k.out
	[ "$(grep -c "^the peer is dead: no heartbeats$" <<<"$output")" -ge 2 ]
}

@test "heartbeat: an initiator that vanished is dead to a responder with a peers file" {
	cat >peers.ini <<-INI
		[left]
		psk-file = gw.psk
		ike = aes128-sha1-modp1024
		esp = aes128-sha1
		local-ts = 10.2.0.0/24
		remote-ts = 10.1.0.0/24
		heartbeat = 1
		heartbeat-threshold = 3
	INI
	background r ike-respond -v --listen "$R" --peers peers.ini
	eventually 10 bound "$R"
	keeper --heartbeat 1
	eventually 10 heard k 2
	kill -KILL "${BG[k]}"
	wait "${BG[k]}" || :
	eventually 10 r_says "the peer is dead: 3 heartbeats lost"
	run -0 "$CHECK" r.out
	output_has "2 sa-delete"
}

@test "heartbeat: numbers out of range are misuse, in options and in a peers file" {
	local word
	for word in 0 0.05 3601 x; do
		run -2 --separate-stderr ike-initiate --heartbeat $word 192.0.2.1
		one_error
		stderr_has "--heartbeat: "
	done
	run -2 --separate-stderr ike-respond --heartbeat-threshold 0
	one_error
	printf '[a]\npsk-file = gw.psk\nheartbeat = often\n' >peers.ini
	run -2 --separate-stderr ike-respond --peers peers.ini
	one_error
	stderr_has "peers.ini:3"
}

# ---- dpd-ping --heartbeat

# hello_seqs FILE: the numbers of the hellos in a JSON report, one a line.
hello_seqs() { jq -r 'select(.result == "hello") | .seq' "$1"; }

@test "dpd-ping --heartbeat: beside the resident tool it shows each hello and sends none itself" {
	need dpd-ping
	usual_responder -v --heartbeat 0.2 "${PATIENT[@]}"
	keeper --heartbeat 0.3 "${PATIENT[@]}"
	run -0 --separate-stderr timeout 60 dpd-ping --heartbeat -c 6 k.out
	[[ ${lines[0]} == "hellos from $R to $I every 0.2 s, IKE SA "* ]]
	grep -qE "^hello from $R: seq=[0-9]+ interval=[0-9.]+ ms jitter=[+-][0-9.]+ ms heard=[0-9]+" <<<"$output"
	[[ ${lines[-2]} =~ ^"6 due, "[1-6]" heard, "[0-9.]+"% loss"$ ]]
	[[ ${lines[-1]} =~ ^"interval min/avg/max/mdev = "[0-9.]+/[0-9.]+/[0-9.]+/[0-9.]+" ms"$ ]]
	[ -z "$stderr" ]
	run -0 --separate-stderr timeout 60 dpd-ping --heartbeat -c 4 --json k.out
	printf '%s\n' "$output" >report
	hello_seqs report | sort -nuc		# they rise
	jq -se '.[-1] | .due == 4 and .heard > 0 and .heard <= 4 and (.peer | length) > 0' report
	# the questions of dpd-ping go past them
	run -0 --separate-stderr timeout 60 dpd-ping -c 3 -i 0.3 -W 15 k.out
	[[ $output != *HEARTBEAT* ]]
	[ "${lines[-2]}" = "3 sent, 3 answered, 0% loss" ]
	run ! grep -q "replay\|is dead" r.err k.err
}

@test "dpd-ping --heartbeat: with an SA and no other tool it sends hellos, so that the peer keeps the SA" {
	need dpd-ping
	usual_responder -v --heartbeat 0.2 "${PATIENT[@]}"
	run -0 timeout 60 ike-initiate --phase1 --local "$I" --psk-file gw.psk "${FAST[@]}" --remote-id any --linger 0 \
		--heartbeat 0.2 -o p1.sa "$R"
	run -0 --separate-stderr timeout 60 dpd-ping --heartbeat -c 30 p1.sa
	[[ ${lines[0]} == *" every 0.2 s, ours every 0.2 s, IKE SA "* ]]
	eventually 5 heard r 10
	run ! grep -q "is dead" r.err
	# a second run continues above the numbers of the first, at another interval
	run -0 --separate-stderr timeout 60 dpd-ping --heartbeat -c 20 --hello 0.1 p1.sa
	[[ ${lines[0]} == *", ours every 0.1 s, "* ]]
	eventually 5 heard r 25
	run ! grep -q "is dead" r.err
	# and one that only listens sees how the peer stops; then it is silent
	background listen dpd-ping --heartbeat --hello off --threshold 3 p1.sa
	eventually 40 r_says "the peer is dead: 50 heartbeats lost"
	eventually 20 grep -q "^threshold reached, 3 hellos lost: $R is dead$" listen.out
	kill -INT "${BG[listen]}"
	ended listen
}

@test "dpd-ping --heartbeat: silence is exit 1, every one that was due is a line" {
	need dpd-ping
	usual_responder --heartbeat 0.2
	run -0 timeout 60 ike-initiate --phase1 --local "$I" --psk-file gw.psk "${FAST[@]}" --remote-id any --linger 0 \
		--heartbeat 0.2 -o p1.sa "$R"
	kill -KILL "${BG[r]}"
	wait "${BG[r]}" || :
	run -1 --separate-stderr timeout 60 dpd-ping --heartbeat -c 4 --threshold 2 p1.sa
	[ "$(grep -c "^no hello from $R: " <<<"$output")" = 4 ]
	[ "$(grep -c "^threshold reached, 2 hellos lost: $R is dead$" <<<"$output")" = 1 ]
	[ "${lines[-1]}" = "4 due, 0 heard, 100% loss" ]
	stderr_has "hint: "
}

@test "dpd-ping --heartbeat: SIGQUIT prints a summary so far, SIGINT ends it with the summary" {
	need dpd-ping
	usual_responder --heartbeat 0.2 "${PATIENT[@]}"
	keeper --heartbeat 0.2 "${PATIENT[@]}"
	background listen dpd-ping --heartbeat k.out
	eventually 10 eval '[ "$(grep -c "^hello" listen.out)" -ge 3 ]'
	kill -QUIT "${BG[listen]}"
	eventually 5 grep -qE '^dpd-ping: [0-9]+/[0-9]+ heard, [0-9.]+% loss, min/avg/max = ' listen.err
	kill -INT "${BG[listen]}"
	ended listen
	tail -n 1 listen.out | grep -q '^interval min/avg/max/mdev = '
}

@test "dpd-ping --heartbeat: a peer that has not announced them is refused, with a hint" {
	need dpd-ping
	usual_responder
	keeper --heartbeat 0.2
	run -1 --separate-stderr dpd-ping --heartbeat k.out
	stderr_has "has not announced heartbeats"
	stderr_has "hint: both ends"
}

@test "dpd-ping --heartbeat: options that do not fit it are misuse" {
	need dpd-ping
	local args
	for args in "--heartbeat --peer 192.0.2.1" "--heartbeat -W 1 x.sa" "--heartbeat -i 1 x.sa" "--threshold 2 x.sa" \
		"--hello 1 x.sa" "--heartbeat" "--heartbeat --hello 0 x.sa" "--heartbeat --threshold 0 x.sa"; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr dpd-ping $args
		one_error
	done
}

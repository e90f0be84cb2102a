# IKE heartbeats between our own two ends, on loopback: who says hello, who is dead without, and
# what dpd-ping --heartbeat shows of it.

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

# keeper [OPTION]...: the usual initiator, staying (BG[k], k.out, k.err), its child SA standing.
keeper() {
	background k ike-initiate -v -v --keep --local "$I" --psk-file gw.psk "${FAST[@]}" --remote-id any \
		"${NETS[@]}" "$@" "$R"
	eventually 10 grep -q "child SA .* stands" k.err
}

# heard NAME N: the negotiator NAME has heard hello number N or one above it.
heard() {
	sed -n 's/.*heartbeat \([0-9]*\) of the peer.*/\1/p' "$1.err" | awk -v n="$2" '$1 >= n { ok = 1 } END { exit !ok }'
}

@test "heartbeat: both ends say hello, each at its own interval, and neither is dead" {
	usual_responder -v --heartbeat 0.3
	keeper --heartbeat 0.2
	eventually 20 heard r 10
	eventually 20 heard k 8
	run ! grep -q "is dead\|lost" r.err k.err
	kill -TERM "${BG[k]}"
	ended k
	run -0 "$CHECK" k.out
	[ "$output" = "1 child-sa, 1 ike-sa, 2 sa-delete" ]
}

@test "heartbeat: where one end alone has them, none are sent and nobody is dead" {
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

@test "heartbeat: a gateway that vanished is dead after the threshold, the records say why, and it is called again" {
	usual_responder --heartbeat 0.2
	keeper --heartbeat 0.2 --heartbeat-threshold 4 --heartbeat-reconnect 2 --dpd-interval off
	eventually 10 heard k 2
	kill -KILL "${BG[r]}"
	wait "${BG[r]}" || :
	eventually 10 grep -q "the peer is dead: 4 heartbeats lost" k.err
	grep -q "3 of 4 heartbeats of the peer lost" k.err
	run ! grep -q "beginning anew" k.err
	usual_responder --heartbeat 0.2
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
	[ "$(grep -c "^the peer is dead: no heartbeats$" <<<"$output")" = 2 ]
}

@test "heartbeat: an initiator that vanished is dead to a responder with a peers file" {
	cat >peers.ini <<-INI
		[left]
		psk-file = gw.psk
		ike = aes128-sha1-modp1024
		esp = aes128-sha1
		local-ts = 10.2.0.0/24
		remote-ts = 10.1.0.0/24
		heartbeat = 0.2
		heartbeat-threshold = 3
	INI
	background r ike-respond -v --listen "$R" --peers peers.ini
	eventually 10 bound "$R"
	keeper --heartbeat 0.2
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

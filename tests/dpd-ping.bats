# dpd-ping: what it says of hand-made state, of a mute peer, and of the lab's gateway with and
# without the resident tools beside it.
# shards: 5

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells expand; run sets lines
bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

setup() {
	need dpd-ping
	T=$BATS_TEST_TMPDIR
}

teardown() {
	lab_teardown
}

# made_state [OPTION...]: an IKE SA between the lab's two ends, made by nobody; left's in $T/left.sa.
made_state() {
	"$SAPIPE_TOP/tests/lib/sa_make.py" ike --local 203.0.113.1:500 --remote 203.0.113.2:500 \
		"$@" "$T/left.sa" "$T/right.sa"
}

# mute: the peer's port is open, and nothing answers.
mute() {
	background mute ip netns exec "$NS_RIGHT" socat -u UDP4-RECV:500 OPEN:/dev/null
	eventually 15 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
}

# ping_left OPTION...: dpd-ping in left, for run.
ping_left() { ip netns exec "$NS_LEFT" timeout 60 dpd-ping "$@"; }

# ends STATUS NAME [SECONDS]: a background process ends, and with that status.
ends() {
	local rc=0
	ended "$2" "${3:-20}" || rc=$?
	[ "$rc" = "$1" ] || { echo "$2: exit $rc"; return 1; }
}

# phase1 CONFIG: an IKE SA with the gateway and no resident tool; in $T/p1.sa.
phase1() {
	local policy
	policy=$(lab_policy "$1" | sed 's/--esp .*//')
	# shellcheck disable=SC2086 # words
	in_left ike-initiate --phase1 $policy -o "$T/p1.sa" "$RIGHT_IP"
}

# tunnel CONFIG [OPTION...]: the resident pipeline; its records also in $T/p1.sa.
tunnel() {
	local config=$1
	shift
	umask 077
	lab_start tunnel left \
		"ike-initiate --keep $(lab_policy "$config") $* $RIGHT_IP | tee $T/p1.sa | $(ESP_TUN)"
	eventually 30 lab_answers left "$RIGHT_INNER"
}

# ---- no network

@test "dpd-ping: without a state and a peer, and with both, it is misuse" {
	run -2 --separate-stderr dpd-ping -c 1
	one_error
	run -2 --separate-stderr dpd-ping --peer 192.0.2.1 some.sa
	one_error
}

@test "dpd-ping: numbers out of range are misuse" {
	run -2 --separate-stderr dpd-ping -c 0 x.sa
	stderr_has "out of range, 1 to"
	run -2 --separate-stderr dpd-ping -i 0.001 x.sa
	stderr_has "-i: 0.001 is out of range, 0.01 to 86400 s"
	run -2 --separate-stderr dpd-ping -W 0 x.sa
	stderr_has "-W: "
}

@test "dpd-ping: a state that is not there is an error, and so is a directory" {
	run -2 --separate-stderr dpd-ping "$T/none.sa"
	one_error
	run -2 --separate-stderr dpd-ping "$T"
	one_error
}

@test "dpd-ping: a peer in place of a file gets a hint at --peer, a file's name does not" {
	local name
	cd "$T"
	for name in 203.0.113.2 203.0.113.2:4500 2001:db8::1 '[2001:db8::1]:500' gw.example; do
		run -2 --separate-stderr dpd-ping "$name"
		stderr_has "cannot open $name: No such file"
		stderr_has "hint: the argument is a file with SA state; to ask a peer without SA state: dpd-ping --peer PEER"
	done
	for name in gw.sa ./gw.example none/203.0.113.2; do
		run -2 --separate-stderr dpd-ping "$name"
		one_error
	done
}

@test "dpd-ping: state without a live IKE SA is reported, with exit 1" {
	: >"$T/empty.sa"
	run -1 --separate-stderr dpd-ping "$T/empty.sa"
	stderr_has "no live IKE SA"
	stderr_has "hint: "
	made_state --set 'lifetime={"seconds": 5, "expires": 1}'
	run -1 --separate-stderr dpd-ping "$T/left.sa"
	stderr_has "no live IKE SA"
	"$SAPIPE_TOP/tests/lib/sa_make.py" child "$T/child.sa" none
	run -1 --separate-stderr dpd-ping "$T/child.sa"
	stderr_has "no live IKE SA"
}

@test "dpd-ping: a deleted IKE SA is none" {
	made_state
	local ike
	ike=$(/usr/bin/python3 -c 'import cbor2, sys
r = cbor2.load(open(sys.argv[1], "rb")); print((r["spi-i"] + r["spi-r"]).hex())' "$T/left.sa")
	"$SAPIPE_TOP/tests/lib/sa_make.py" delete --ike "$ike" "$T/delete.sa"
	run -1 --separate-stderr bash -c 'cat "$1" "$2" | dpd-ping -' - "$T/left.sa" "$T/delete.sa"
	stderr_has "no live IKE SA"
}

@test "dpd-ping: IKE SAs with two peers are a choice it does not make" {
	made_state
	cat "$T/left.sa" >"$T/two.sa"
	made_state --remote 203.0.113.9:500
	cat "$T/left.sa" >>"$T/two.sa"
	chmod 600 "$T/two.sa"
	run -2 --separate-stderr dpd-ping "$T/two.sa"
	one_error
	stderr_has "several peers"
}

@test "dpd-ping: damaged state is exit 4, wherever it is damaged" {
	local n size
	made_state
	size=$(stat -c %s "$T/left.sa")
	for n in 1 2 3 7 50 $((size / 2)) $((size - 1)); do
		head -c "$n" "$T/left.sa" >"$T/cut.sa"
		chmod 600 "$T/cut.sa"
		run -4 --separate-stderr dpd-ping "$T/cut.sa"
		one_error
	done
	printf 'this is no SA state' >"$T/text.sa"
	run -4 --separate-stderr dpd-ping "$T/text.sa"
	made_state --set 'proposal={"encryption": "aes-cbc", "key-bits": 256, "hash": "md5", "group": "modp1024"}'
	run -4 --separate-stderr dpd-ping "$T/left.sa"
	stderr_has "do not go together"
}

# ---- a peer that is mute, or not there

@test "dpd-ping: silence is exit 1, and every try is counted" {
	lab_topology
	made_state
	mute
	run -1 --separate-stderr ping_left -c 3 -i 0.1 -W 0.1 "$T/left.sa"
	[ "${lines[-1]}" = "3 sent, 0 answered, 100% loss" ]
	[ "$(grep -c '^no answer from 203.0.113.2:500: seq=' <<<"$output")" = 3 ]
	stderr_has "hint: "
	# and as JSON
	run -1 --separate-stderr ping_left -c 2 -i 0.1 -W 0.1 --json "$T/left.sa"
	jq -se 'length == 3 and .[0].result == "silence" and .[1].probe == 2 and
		.[1].seq == .[0].seq + 1 and .[2].sent == 2 and .[2].answered == 0 and
		.[2].loss == 100 and .[2].peer == "203.0.113.2:500" and (.[2] | has("rtt-ms") | not)' \
		<<<"$output"
	# and with only the summary
	run -1 --separate-stderr ping_left -q -c 1 -W 0.1 "$T/left.sa"
	[[ $output != *"no answer"* ]]
	[ "${lines[-1]}" = "1 sent, 0 answered, 100% loss" ]
}

@test "dpd-ping: a closed port is detected by its ICMP error" {
	lab_topology
	made_state
	run -1 --separate-stderr ping_left -c 2 -i 0.1 -W 1 "$T/left.sa"
	output_has "Connection refused"
	run -1 --separate-stderr ping_left -c 1 -W 1 --peer "$RIGHT_IP"
	output_has "Connection refused"
	[ "${lines[-1]}" = "1 sent, 0 answered, 100% loss" ]
}

@test "dpd-ping: without a route it is this machine's answer, and exit 1" {
	lab_topology
	run -1 --separate-stderr ping_left -c 1 -W 0.2 --peer 198.51.100.1
	stderr_has "hint: "
}

@test "dpd-ping: INVALID-COOKIE is reported, and does not count as an answer" {
	lab_topology
	made_state
	# a peer that knows no SA: each message comes back as an INVALID-COOKIE in clear
	cat >"$T/forgot.py" <<-'PY'
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("203.0.113.2", 500))
		while True:
		    d, a = s.recvfrom(2048)
		    body = bytes([0, 0, 0, 12]) + bytes([0, 0, 0, 1, 1, 0, 0, 4])
		    head = d[:16] + bytes([11, 0x10, 5, 0]) + b"abcd" + (28 + len(body)).to_bytes(4, "big")
		    s.sendto(head + body, a)
	PY
	background forgot ip netns exec "$NS_RIGHT" python3 "$T/forgot.py"
	eventually 15 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
	run -1 --separate-stderr ping_left -c 2 -i 0.1 -W 2 "$T/left.sa"
	[ "$(grep -c '^INVALID-COOKIE from 203.0.113.2:500: seq=' <<<"$output")" = 2 ]
	[ "${lines[-1]}" = "2 sent, 0 answered, 100% loss" ]
	# a stranger's first message is answered by it all the same
	run -0 --separate-stderr ping_left -c 1 -W 15 --peer "$RIGHT_IP"
	output_has "(INVALID-COOKIE)"
}

@test "dpd-ping: it exits with 3, without a message, when the reader closes the pipe" {
	lab_topology
	made_state
	mute
	run -3 --separate-stderr bash -c 'set -o pipefail
		ip netns exec "$1" timeout 20 dpd-ping -i 0.05 -W 0.05 "$2" | head -n 2' - "$NS_LEFT" "$T/left.sa"
	[ -z "$stderr" ]
}

@test "dpd-ping: SIGQUIT prints a summary so far, SIGINT ends it with the summary" {
	lab_topology
	made_state
	mute
	background ping ip netns exec "$NS_LEFT" dpd-ping -i 0.1 -W 0.1 "$T/left.sa"
	eventually 5 grep -q 'no answer' "$T/ping.out"
	kill -QUIT "${BG[ping]}"
	eventually 5 grep -q '^dpd-ping: 0/[0-9]* answered, 100% loss' "$T/ping.err"
	kill -INT "${BG[ping]}"
	ends 1 ping
	tail -n 1 "$T/ping.out" | grep -qE '^[0-9]+ sent, 0 answered, 100% loss$'
}

# ---- the gateway

@test "dpd-ping: without a resident tool it binds the ports itself" {
	lab_up ikev1-psk
	phase1 ikev1-psk
	run -0 --separate-stderr ping_left -c 3 -i 0.1 -W 15 "$T/p1.sa"
	[ "$(grep -cE '^answer from 203.0.113.2:4500: seq=[0-9]+ time=[0-9.]+ ms$' <<<"$output")" = 3 ]
	[ "${lines[-2]}" = "3 sent, 3 answered, 0% loss" ]
	[[ ${lines[-1]} =~ ^"rtt min/avg/max/mdev = "[0-9.]+/[0-9.]+/[0-9.]+/[0-9.]+" ms"$ ]]
	[ -z "$stderr" ]
	# the same state by standard input
	run -0 --separate-stderr bash -c 'ip netns exec "$1" dpd-ping -c 1 -W 15 - <"$2"' - "$NS_LEFT" "$T/p1.sa"
	# and deleted it is mute
	in_left ike-initiate --delete "$T/p1.sa"
	run -1 --separate-stderr ping_left -c 1 -W 0.5 "$T/p1.sa"
	[ "${lines[-1]}" = "1 sent, 0 answered, 100% loss" ]
}

@test "dpd-ping: without a resident tool, through a NAT router" {
	lab_up --nat ikev1-psk
	phase1 ikev1-psk
	run -0 --separate-stderr ping_left -c 2 -i 0.1 -W 15 "$T/p1.sa"
	output_has "from 192.0.2.10:4500"
	[ "${lines[-2]}" = "2 sent, 2 answered, 0% loss" ]
}

# nat_reboots: the router forgets its mappings and comes back with another address.
nat_reboots() {
	ip -n "$NS_NAT" addr add 203.0.113.9/24 dev outside
	# with it go the secondary ones of its network, unless the kernel promotes them
	ip -n "$NS_NAT" addr del 203.0.113.1/24 dev outside
	ip -n "$NS_NAT" addr show dev outside | grep -q 203.0.113.9 ||
		ip -n "$NS_NAT" addr add 203.0.113.9/24 dev outside
}

# more_than FILE PATTERN N: more lines than N match; for eventually.
more_than() { [ "$(grep -c "$2" "$1")" -gt "$3" ]; }

@test "dpd-ping: a NAT router that reboots is not the peer's death" {
	lab_up --nat ikev1-psk
	phase1 ikev1-psk
	background ping ip netns exec "$NS_LEFT" dpd-ping -i 0.2 -W 2 "$T/p1.sa"
	eventually 10 grep -q '^answer' "$T/ping.out"
	nat_reboots
	eventually 20 eval 'lab_log | grep -q "from 203.0.113.9.* to 203.0.113.2.4500"'
	local n
	n=$(grep -c '^answer' "$T/ping.out")
	eventually 20 more_than "$T/ping.out" '^answer' $((n + 3))
	kill -INT "${BG[ping]}"
	ends 0 ping
}

@test "dpd-ping: heartbeats of our own two ends go through a NAT router, and its reboot" {
	need ike-initiate ike-respond
	lab_topology --nat
	printf 'lab-psk\n' >"$T/gw.psk"
	local patient=(--heartbeat 0.3 --heartbeat-threshold 40 --natt-keepalive 1 --psk-file "$T/gw.psk" --remote-id any
		--ike aes128-sha1-modp1024 --esp aes128-sha1)
	umask 077
	background right ip netns exec "$NS_RIGHT" ike-respond -v "${patient[@]}" --local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24
	eventually 10 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
	background left ip netns exec "$NS_LEFT" ike-initiate -v --keep "${patient[@]}" --local-ts 10.1.0.0/24 \
		--remote-ts 10.2.0.0/24 "$RIGHT_IP"
	eventually 10 grep -q 'child SA .* established' "$T/left.err"
	background ping ip netns exec "$NS_LEFT" dpd-ping --heartbeat "$T/left.out"
	eventually 10 grep -q '^hello from 203.0.113.2:4500: ' "$T/ping.out"
	nat_reboots
	# right learns where left is from its hellos, which prove themselves, and answers there
	sleep 2
	local n
	n=$(grep -c '^hello' "$T/ping.out")
	eventually 20 more_than "$T/ping.out" '^hello' $((n + 5))
	kill -INT "${BG[ping]}"
	ends 0 ping
	run ! grep -q 'is dead' "$T/left.err" "$T/right.err"
}

@test "dpd-ping: the numbers rise from run to run, and within one by one" {
	lab_up ikev1-psk
	phase1 ikev1-psk
	for _ in 1 2 3 4; do
		ping_left -c 2 -i 0.02 -W 15 --json "$T/p1.sa" >>"$T/runs"
	done
	jq -se '[.[].seq | numbers] as $s | ($s | length) == 8 and
		([range(1; 8)] | all(. as $i | $s[$i] > $s[$i - 1])) and
		([range(0; 4)] | all(. as $i | $s[2 * $i + 1] == $s[2 * $i] + 1))' "$T/runs"
}

# beside [--nat]: with ike-initiate --keep | esp-tun on the same ports, which itself asks each second.
beside() {
	local had
	need ike-initiate esp-tun
	lab_up "$@" ikev1-psk
	tunnel ikev1-psk --dpd-interval 1 --dpd-tries 4 -v -v
	had=$(lab_replies left)
	background load ip netns exec "$NS_LEFT" ping -q -i 0.05 -c 120 -W 2 "$RIGHT_INNER"
	run -0 --separate-stderr ping_left -c 20 -i 0.2 -W 15 "$T/p1.sa"
	[ "${lines[-2]}" = "20 sent, 20 answered, 0% loss" ]
	run -0 --separate-stderr ping_left -c 2 -i 0.2 -W 15 --peer "$RIGHT_IP"
	run -0 --separate-stderr ping_left -q -c 5 -i 0.2 -W 15 "$T/p1.sa"
	[ "${lines[-2]}" = "5 sent, 5 answered, 0% loss" ]
	# while the resident one asks, too: for longer than it waits for an answer
	sleep 6
	run ! grep -q 'is dead\|reconnecting' "$T/tunnel.err"
	ended load 20 || :
	eventually 10 lab_replied left $((had + 120))
	lab_tunnel_works
}

@test "dpd-ping: beside the resident tools, neither disturbs the other" {
	beside
}

@test "dpd-ping: the same through a NAT router" {
	beside --nat
}

@test "dpd-ping: it continues from ports of its own when the resident tools are killed" {
	need ike-initiate esp-tun
	lab_up ikev1-psk
	tunnel ikev1-psk
	background ping ip netns exec "$NS_LEFT" dpd-ping -i 0.1 -W 15 "$T/p1.sa"
	eventually 20 grep -q '^answer' "$T/ping.out"
	kill -KILL -- "-${LAB_GROUP[tunnel]}"
	sleep 0.5
	cp "$T/ping.out" "$T/ping.mark"
	eventually 10 eval '[ "$(grep -c ^answer "$T/ping.out")" -gt $(($(grep -c ^answer "$T/ping.mark") + 3)) ]'
	kill -INT "${BG[ping]}"
	ends 0 ping
	grep -q ' 0% loss' "$T/ping.out"
}

@test "dpd-ping: a delete from the peer ends it" {
	lab_up ikev1-psk
	phase1 ikev1-psk
	background ping ip netns exec "$NS_LEFT" dpd-ping -i 0.1 "$T/p1.sa"
	eventually 20 grep -q '^answer' "$T/ping.out"
	lab_ctl --terminate --ike lab >/dev/null
	ends 0 ping
	grep -q '^delete from 203.0.113.2:4500: ' "$T/ping.out"
	tail -n 2 "$T/ping.out" | grep -q ' answered, '
}

@test "dpd-ping: strangers: a gateway that accepts a proposal answers each probe, and holds one exchange" {
	lab_up ikev1-psk
	run -0 --separate-stderr ping_left -c 5 -i 0.1 -W 15 --peer "$RIGHT_IP"
	[ "$(grep -c 'ms (accepts a proposal)$' <<<"$output")" = 5 ]
	[ "$(lab_log | grep -c 'is initiating a Main Mode')" = 1 ]
	run -0 --separate-stderr ping_left -c 1 -W 15 --json --peer "$RIGHT_IP:4500"
	jq -se '.[0].result == "answered" and .[1].answered == 1 and .[1]["rtt-ms"].min > 0' <<<"$output"
}

@test "dpd-ping: strangers: a refusal is an answer" {
	lab_up ikev2-psk
	run -0 --separate-stderr ping_left -c 2 -i 0.1 -W 15 --peer "$RIGHT_IP"
	[ "$(grep -c 'ms (NO-PROPOSAL-CHOSEN)$' <<<"$output")" = 2 ]
}

@test "dpd-ping: strangers: without permission for port 500 it uses any port" {
	lab_up ikev1-psk
	run -0 --separate-stderr ip netns exec "$NS_LEFT" \
		setpriv --bounding-set -net_bind_service dpd-ping -v -c 1 -W 15 --peer "$RIGHT_IP"
	output_has "accepts a proposal"
	stderr_has "not from port 500"
	[[ $output != *"from 203.0.113.1:500 "* ]]
}

@test "dpd-ping: strangers: ike-respond answers, too" {
	need ike-respond
	lab_topology
	lab_start respond right "ike-respond $(lab_policy ikev1-psk)"
	eventually 15 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
	run -0 --separate-stderr ping_left -c 3 -i 0.5 -W 15 --peer "$RIGHT_IP"
	[ "${lines[-2]}" = "3 sent, 3 answered, 0% loss" ]
}

# plain: what --watch has drawn so far, without its control sequences. plain_has REGEX: whether a line of it is that.
plain() { tr '\r' '\n' <"$T/watch.out" | sed 's/\x1b\[[0-9;]*[mAJ]//g'; }
plain_has() { LC_ALL=C.UTF-8 grep -qE -- "$1" <(plain); }

@test "dpd-ping: --watch draws a row on a terminal, and prints changes above it" {
	local plain
	need ike-respond
	lab_topology
	run -2 --separate-stderr ping_left --watch --peer "$RIGHT_IP"
	stderr_has "requires a terminal as standard output"
	background watch env TERM=xterm LC_ALL=C.UTF-8 script -qfec "stty cols 100; echo \$\$ >$T/pid; exec ip netns exec $NS_LEFT \
		dpd-ping --watch -i 0.5 -W 5 --peer $RIGHT_IP" /dev/null
	eventually 20 plain_has '^203\.0\.113\.2:500 +UNREACH +[0-9]+m[0-9]+s +100\.0% +-  x+$' || { cat "$T/watch.out"; return 1; }
	background late ip netns exec "$NS_RIGHT" ike-respond --psk-file "$PSK" --local-ts 10.2.0.0/24
	eventually 20 plain_has '^203\.0\.113\.2:500 +ALIVE +[0-9]+m[0-9]+s +[0-9.]+% +[0-9]+\.[0-9]{3}  x+[x▁▂▃▄▅▆▇█]*[▁▂▃▄▅▆▇█]$' ||
		{ cat "$T/watch.out"; return 1; }
	kill -INT "$(cat "$T/pid")"
	ended watch || [ $? -eq 1 ]
	plain=$(plain)
	# Changes are lines of their own; what does not change is in the row alone.
	grep '^answer from 203.0.113.2:500: ' <<<"$plain"
	[ "$(grep -c '^unreachable: 203.0.113.2:500: ' <<<"$plain")" -eq 1 ]
	grep -qE '^[0-9]+ sent, [0-9]+ answered, ' <<<"$plain"
	# Without tables the events are printed as ever.
	env TERM=dumb script -qec "ip netns exec $NS_LEFT dpd-ping --watch -c 3 -i 0.5 -W 15 --peer $RIGHT_IP" /dev/null \
		</dev/null >"$T/raw"
	[ "$(grep -c 'answer from 203.0.113.2:500: ' "$T/raw")" -eq 3 ]
	grep 'does not support the table' "$T/raw"
	run ! grep -q $'\x1b' "$T/raw"
}

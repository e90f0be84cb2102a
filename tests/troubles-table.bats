# The table of symptoms that practitioners know (sapipe-troubles(7) has commands for them): each row is made between our
# own ends, and both say its cause.
# shards: 4

# shellcheck disable=SC2154 # run sets stderr, BG has names for keys
bats_require_minimum_version 1.5.0

load lib/common
load lib/tun
load lib/two

setup() {
	two_setup
	printf 'not that one\n' >other.psk
}

teardown() { two_teardown; }

# peer: ike-respond without esp-tun in right, with the usual policy; peer_with OPTION...: with other options.
peer() {
	peer_with --psk-file gw.psk --local-id right.example --remote-id left.example "${FAST[@]}" "${STEN4[@]}"
}
peer_with() {
	background r ip netns exec "$R" ike-respond -v -o r.sa "$@"
	eventually 10 listens || { cat r.err; return 1; }
}

# asks STATUS OPTION...: the initiator's end with that status. With TIMEOUT it waits for so long, where nobody answers.
asks() {
	local want=$1
	shift
	run "-$want" --separate-stderr left timeout 100 ike-initiate -v --timeout "${TIMEOUT:-20}" --linger 0.1 --psk-file gw.psk \
		--local-id left.example --remote-id right.example -o l.sa "$@" 203.0.113.2
}
usual() { asks "$1" "${FAST[@]}" "${NETS4[@]}" "${@:2}"; }

# r_says TEXT, both_say TEXT: the responder says it; both do.
r_says() {
	eventually 3 grep -qF -- "$1" "$T/r.err" || {
		printf 'not said by the responder: %s\n' "$1"
		cat "$T/r.err"
		return 1
	}
}
both_say() { stderr_has "$1" && r_says "$1"; }

# drops left|right input|output RULE: packets that this machine loses.
drops() {
	"$1" nft "add table ip d; add chain ip d $2 { type filter hook $2 priority 0; }; add rule ip d $2 $3 drop"
}

# tunnel: both pipelines, and pings through them.
tunnel() {
	answer "${STEN4[@]}"
	begin "${NETS4[@]}"
	crosses
}

# status: the counters of both data paths, in left.log and right.log.
status() {
	kill -USR1 "$(pid_of left esp-tun)" "$(pid_of right esp-tun)"
	eventually 5 grep -q '^esp-tun: out: ' left.log
	eventually 5 grep -q '^esp-tun: out: ' right.log
}
# packets left|right in|out: as they were printed, once.
packets() { sed -n "s/^esp-tun: $2: packets \([0-9]*\).*/\1/p" "$1.log"; }

@test "row 1: no answer to message 1, nothing on the responder: filter, nobody there, source address, route" {
	peer
	drops right input "udp dport 500"
	TIMEOUT=3 usual 1
	stderr_has "no answer from 203.0.113.2:500 to message 1, sent 3 times in 3 s"
	stderr_has "hint: the address is wrong, UDP 500 is filtered on the path"
	[ ! -s r.err ]
	# The other port answers.
	run -0 left natd-probe --timeout 1 203.0.113.2
	[[ $output =~ UDP\ 500\ +no\ answer && $output =~ UDP\ 4500\ +answers\ from ]]
	# It is named, and works.
	asks 0 "${FAST[@]}" "${NETS4[@]}" --local :4500
	usual 1 --local 127.0.0.1
	stderr_has "cannot send to 203.0.113.2:500 from 127.0.0.1"
	stderr_has "hint: that source address cannot reach the peer: --local names another"
	right nft flush ruleset
	stop_background
	usual 1
	stderr_has "203.0.113.2:500 is unreachable: nothing listens there"
	stderr_has "hint: check that this is the gateway's address and that it runs IKE"
	# a firewall that says so is none of "no route", as the kernel calls it for IPv4
	rejects icmp type admin-prohibited
	usual 1
	stderr_has "203.0.113.2:500 is unreachable: a firewall rejects it (ICMP)"
	stderr_has "hint: a firewall on the path or of the gateway has to let UDP 500 and 4500 pass"
	run -1 left natd-probe --timeout 1 203.0.113.2
	output_has "UDP 500         no answer: rejected by a firewall"
	rejects icmp type host-unreachable
	usual 1
	stderr_has "203.0.113.2:500 is unreachable: No route to host"
	stderr_has "hint: the next hop does not answer, or a router on the path does not reach it"
	right nft flush ruleset
	left ip route flush table main
	usual 1
	stderr_has "cannot reach 203.0.113.2:500: Network is unreachable"
	stderr_has "hint: there is no route to the peer: check with ip route get ADDRESS"
}

# rejects TYPE: right's firewall answers UDP 500 by this ICMP error.
rejects() {
	right nft "flush ruleset; add table ip d; add chain ip d input { type filter hook input priority 0; }; add rule ip d input udp dport 500 reject with $*"
}

# other_ike KIND: right answers message 1 of IKEv1 with a notify about the version: v2, in a message of IKEv2; v1, of IKEv1.
other_ike() {
	background v2 ip netns exec "$R" /usr/bin/python3 -c '
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("203.0.113.2", 500))
while True:
    d, peer = s.recvfrom(4000)
    if sys.argv[1] == "v2":
        body = struct.pack("!BBHBBH", 0, 0, 8, 0, 0, 5)
        head = d[:8] + bytes(8) + struct.pack("!BBBBII", 41, 0x20, 34, 0x20, 0, 28 + len(body))
    else:
        body = struct.pack("!BBHIBBH", 0, 0, 12, 1, 1, 0, 5)
        head = d[:16] + struct.pack("!BBBBII", 11, 0x10, 5, 0, 0x1234, 28 + len(body))
    s.sendto(head + body, peer)' "$1"
	eventually 10 listens
}

@test "row 1: a gateway that does only IKEv2 says so, in its version or in ours: that is the cause, within seconds" {
	local kind
	for kind in v2 v1; do
		other_ike $kind
		SECONDS=0
		usual 1
		[ "$SECONDS" -lt 15 ]
		stderr_has "phase 1 (main mode), message 1 (offers proposals): "
		stderr_has "does no IKEv1 with us"
		stderr_has "hint: the gateway must allow IKEv1 for this end"
		stop_background
	done
	stderr_has "(INVALID-MAJOR-VERSION)"
}

@test "row 2: no answer on both sides: a proposal mismatch, and the refusal is lost" {
	peer
	drops right output "udp sport 500"
	TIMEOUT=3 asks 1 --ike aes256-sha512-modp2048 --esp aes128-sha256 "${NETS4[@]}"
	stderr_has "no answer from 203.0.113.2:500 to message 1"
	stderr_has "natd-probe --transforms shows what it accepts"
	r_says "aes256-sha512-modp2048                   aes128-sha256-modp1024"
	r_says "first difference: aes256-sha512-modp2048, the closest offer, has cipher aes256 where aes128 is configured"
	r_says "not allowed to send to 203.0.113.1:500"
}

@test "row 3: phase 1 is rejected: cipher, hash, group" {
	local ike difference
	peer
	while read -r ike difference; do
		asks 1 --ike "$ike" --esp aes128-sha256 "${NETS4[@]}"
		stderr_has "phase 1 (main mode), message 1 (offers proposals): the peer accepts none of our proposals (NO-PROPOSAL-CHOSEN)"
		stderr_has "the peer accepts none of these: --ike $ike"
		stderr_has "hint: proposal mismatch: cipher, hash, group, authentication and exchange"
		r_says "first difference: $ike, the closest offer, has $difference"
	done <<-'TABLE'
		aes256-sha256-modp1024 cipher aes256 where aes128 is configured
		aes128-sha1-modp1024 hash sha1 where sha256 is configured
		aes128-sha256-modp2048 group modp2048 where modp1024 is configured
	TABLE
	# A lifetime that differs is no reason: the shorter one counts.
	usual 0 --ike-lifetime 600
	# The method: the proposal is the same.
	asks 1 "${FAST[@]}" "${NETS4[@]}" --auth xauth-psk --xauth-user u --xauth-password-file other.psk
	stderr_has "phase 1 (main mode), message 1 (offers proposals): the peer accepts none of our proposals (NO-PROPOSAL-CHOSEN)"
	r_says "first difference: aes128-sha256-modp1024, the closest offer, has authentication XAUTH-INIT-PSK where PSK is configured"
}

@test "row 4: phase 2 is rejected: cipher, PFS, mode" {
	peer
	asks 1 --ike aes128-sha256-modp1024 --esp aes256gcm16 "${NETS4[@]}"
	stderr_has "phase 2 (quick mode)"
	stderr_has "the peer accepts none of these: --esp aes256gcm16"
	stderr_has "hint: proposal mismatch in phase 2: cipher, integrity and PFS group must match the peer's"
	r_says "aes256gcm16                              aes128-sha256"
	r_says "has cipher aes256gcm16 where aes128 is configured"
	asks 1 --ike aes128-sha256-modp1024 --esp aes128-sha256-modp1024 "${NETS4[@]}"
	stderr_has "the peer accepts none of these: --esp aes128-sha256-modp1024"
	stderr_has "the peer does not accept PFS with group modp1024 (ATTRIBUTES-NOT-SUPPORTED)"
	r_says "has PFS group modp1024 where none is configured"
	both_say "hint: the PFS group at the end of --esp"
	usual 1 --mode transport
	stderr_has "NO-PROPOSAL-CHOSEN"
	r_says "hint: set mode (--mode) to the same at both ends, tunnel or transport"
}

@test "row 5: the pre-shared keys differ: main mode and aggressive mode, both ends say so" {
	local mode
	for mode in main aggressive; do
		peer_with --psk-file other.psk --local-id right.example --remote-id left.example "${FAST[@]}" "${STEN4[@]}" \
			--exchange "$mode"
		usual 1 --exchange "$mode"
		stderr_has "pre-shared key"
		stderr_has "hint: the secrets differ: "
		eventually 20 grep -q "the two ends' pre-shared keys differ" r.err
		if [ "$mode" = main ]; then
			both_say "the two ends' pre-shared keys differ"
			both_say "look for a newline or blanks in the file and at --psk-format; in main mode the peer picks the key by our address"
			r_says "203.0.113.1:500, phase 1 (main mode), message 5"
		else
			stderr_has "message 2 (chooses one, authenticates): its hash is not the one that our pre-shared key gives"
			r_says "203.0.113.1:500, phase 1 (aggressive mode), message 2 (chooses one, authenticates): the peer's answer to our proof decrypts to nonsense"
		fi
		stop_background
	done
}

@test "row 6: an unrecognized peer: unknown address, unknown ID, exchange not allowed are three texts" {
	local policy
	policy='psk-file=gw.psk\nike=aes128-sha256-modp1024\nlocal-ts=10.2.0.0/24\nremote-ts=10.1.0.0/24\n'
	printf '[a]\naddress=198.51.100.1\nremote-id=left.example\n'"$policy" >peers
	peer_with --peers peers
	TIMEOUT=3 usual 1
	stderr_has "the peer ignores unknown addresses, IDs (try the other --exchange) or proposals"
	r_says "203.0.113.1:500: no peer is configured for this address; it begins main mode"
	r_says "hint: configure that address (address in a section of --peers, or --from)"
	stop_background
	printf '[a]\nremote-id=other.example\nexchange=aggressive\n'"$policy" >peers
	peer_with --peers peers
	usual 1 --exchange aggressive
	stderr_has "the peer does not accept our identity (INVALID-ID-INFORMATION)"
	stderr_has "hint: set --local-id to the ID that the peer expects of us"
	r_says "the peer calls itself left.example, expected is other.example"
	TIMEOUT=3 usual 1
	stderr_has "(try the other --exchange)"
	r_says "203.0.113.1:500: the peer begins main mode, and only aggressive mode is configured for its address"
	r_says "hint: set exchange (--exchange) to the same mode at both ends"
}

@test "row 7: the peer ID is misconfigured: at either end, shown at both" {
	peer_with --psk-file gw.psk --local-id other.example --remote-id left.example "${FAST[@]}" "${STEN4[@]}"
	usual 1
	stderr_has "the peer calls itself other.example, expected is right.example"
	stderr_has "hint: the peer sent another ID: set --remote-id to the ID that it sent"
	r_says "the peer sent INVALID-ID-INFORMATION"
	stop_background
	peer_with --psk-file gw.psk --local-id right.example --remote-id known.example "${FAST[@]}" "${STEN4[@]}"
	usual 1
	stderr_has "message 5 (authenticates): the peer does not accept our identity (INVALID-ID-INFORMATION)"
	stderr_has "hint: set --local-id to the ID that the peer expects of us"
	r_says "the peer calls itself left.example, expected is known.example"
	r_says "hint: set remote-id of the peer's section (--remote-id) to the ID that it sent"
}

@test "row 8: no policy for the proxy ID: both pairs of networks; route-based against policy-based" {
	peer
	asks 1 "${FAST[@]}" --local-ts 10.1.0.0/24 --remote-ts 10.9.0.0/24
	stderr_has "the peer does not accept 10.1.0.0/24 here and 10.9.0.0/24 there (INVALID-ID-INFORMATION)"
	r_says "the peer asks for 10.9.0.0/24 here and 10.1.0.0/24 there, configured are 10.2.0.0/24 and 10.1.0.0/24"
	both_say "hint: proxy IDs must be equal on both sides, networks and masks"
	asks 1 "${FAST[@]}" --local-ts 0.0.0.0/0 --remote-ts 0.0.0.0/0
	stderr_has "the peer does not accept 0.0.0.0/0 here and 0.0.0.0/0 there"
	r_says "the peer asks for 0.0.0.0/0 here and 0.0.0.0/0 there, configured are 10.2.0.0/24 and 10.1.0.0/24"
	both_say "hint: 0.0.0.0/0 at one end, networks at the other: one end is route-based, the other policy-based"
}

@test "row 9: attributes of phase 2 that are not supported: the PFS group is named" {
	peer_with --psk-file gw.psk --local-id right.example --remote-id left.example "${STEN4[@]}" \
		--ike aes128-sha256-modp1024 --esp aes128-sha256-modp1024
	asks 1 --ike aes128-sha256-modp1024 --esp aes128-sha256-modp768 "${NETS4[@]}"
	stderr_has "phase 2 (quick mode), message 1 (offers proposals for a child SA): the peer does not accept PFS with group modp768 (ATTRIBUTES-NOT-SUPPORTED)"
	stderr_has "the peer accepts none of these: --esp aes128-sha256-modp768"
	r_says "has PFS group modp768 where modp1024 is configured"
	both_say "hint: the PFS group at the end of --esp (aes128-sha256-modp2048) must be the same at both ends, or absent at both"
	# Several groups: each in a quick mode of its own, until one fits.
	asks 0 --ike aes128-sha256-modp1024 --esp aes128-sha256-modp768,aes128-sha256-modp1024 "${NETS4[@]}"
	stderr_has "the peer refuses the proposals with PFS group modp768: offering those with modp1024"
	run -0 sa-show l.sa
	output_has "PFS modp1024"
	# A responder without PFS: the initiator goes on without it if it may.
	stop_background
	peer
	asks 1 --ike aes128-sha256-modp1024 --esp aes128-sha256-modp1024 "${NETS4[@]}"
	asks 0 --ike aes128-sha256-modp1024 --esp aes128-sha256-modp1024 --pfs-fallback "${NETS4[@]}"
	stderr_has "the peer does not support PFS (ATTRIBUTES-NOT-SUPPORTED): going on without it, as --pfs-fallback allows"
}

@test "row 10: invalid cookie: the peer was restarted and has forgotten the IKE SA" {
	peer
	left ike-initiate --phase1 --psk-file gw.psk --ike aes128-sha256-modp1024 --local-id left.example \
		--remote-id right.example -o p1.sa 203.0.113.2
	kill -KILL "${BG[r]}"
	wait "${BG[r]}" || :
	unset "BG[r]"
	peer
	run -1 --separate-stderr left ike-initiate --phase2 p1.sa --esp aes128-sha256 "${NETS4[@]}" -o l.sa
	stderr_has "p1.sa: phase 2 (quick mode), message 1 (offers proposals for a child SA): the peer has forgotten this IKE SA (INVALID-COOKIE)"
	stderr_has "hint: the peer no longer has this phase 1 SA: the peer restarted, or the SA expired; negotiate again"
	r_says "203.0.113.1:500 uses an IKE SA that is unknown here"
	r_says "this end was restarted, or the SA has ended"
}

@test "row 10: the peer answers from another address, which is named" {
	right ip address add 203.0.113.3/24 dev eth0
	right nft 'add table ip d; add chain ip d o { type filter hook output priority 0; }; add rule ip d o udp sport 500 ip saddr set 203.0.113.3'
	peer
	TIMEOUT=3 usual 1
	stderr_has "no answer from 203.0.113.2:500 to message 1, sent 3 times in 3 s; answers came from 203.0.113.3:500, which is another address: dropped"
	stderr_has "hint: the gateway has several addresses, or a NAT translates its answers: name the address that answers as the peer"
}

# again: what tcpdump recorded of left's ESP in $T/esp.pcap is sent once more.
again() {
	left /usr/bin/python3 - "$T/esp.pcap" <<-'PY'
		import socket, struct, sys
		b = open(sys.argv[1], "rb").read()
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		at = 24
		while at < len(b):
		    n = struct.unpack("<I", b[at + 8:at + 12])[0]
		    s.sendto(b[at + 30:at + 16 + n], ("203.0.113.2", 0))
		    at += 16 + n
	PY
}

# counts REGEX: a line of the counters of the right is so.
counts() { counters right | grep -q "$1"; }

@test "row 11: replays are dropped and counted, with --replay-window off they are not" {
	local window
	for window in 64 off; do
		make_pair aes128gcm16
		tun_start left left.sa
		tun_start right --replay-window "$window" right.sa
		eventually 15 tun_is_up left
		eventually 15 tun_is_up right
		background dump ip netns exec "$R" tcpdump --immediate-mode -Z root -i eth0 -nn -U -w "$T/esp.pcap" \
			'ip proto 50 and src 203.0.113.1'
		eventually 15 grep -q listening dump.err
		all_answered left 10.2.0.1 3
		eventually 5 eval '[ "$(tcpdump -nr esp.pcap 2>/dev/null | wc -l)" = 3 ]'
		kill -INT "${BG[dump]}"
		ended dump || :
		again
		case $window in
		off) eventually 5 counts '^esp-tun: in: packets 6,.* replays 0,' ;;
		*) eventually 5 counts '^esp-tun: in: packets 3,.* replays 3,' ;;
		esac
		stop_background
		rm -rf left.state right.state
	done
}

@test "row 12: up, but no traffic: the counters of both ends name the direction" {
	tunnel
	drops right input "meta l4proto esp"
	left ping -q -c 4 -i 0.1 -W 1 10.2.0.1 || :
	status
	[ "$(packets left out)" -gt "$(packets right in)" ]
	[ "$(packets right out)" -eq "$(packets left in)" ]
	# IKE works all the same.
	run -0 left dpd-ping -c 2 -i 0.1 left.sa
	output_has "2 sent, 2 answered"
}

# begins ARGUMENT...: vpnmon, until it probes or has ended; what it says of it is in a.err.
begins() {
	background a ip netns exec "$L" vpnmon --interval 0.2 --tun vpn0 --sa left.sa "$@"
	eventually 10 grep -qE 'UP|DOWN' a.out || { cat a.out a.err; return 1; }
	kill -INT "${BG[a]}"
	ended a || :
}

@test "row 13: a probe that the tunnel's networks do not carry is named before the first one" {
	need vpnmon
	make_pair aes128gcm16
	tun_both
	background mon ip netns exec "$L" vpnmon --interval 0.2 --threshold 3 --tun vpn0 --sa left.sa \
		--source 203.0.113.1 10.9.0.1
	eventually 10 grep -q "^vpnmon: warning: vpn0: source 203.0.113.1 and destination 10.9.0.1 of the probes are outside of the tunnel's networks: 10.1.0.0/24 === 10.2.0.0/24" mon.err
	eventually 5 grep -q "^hint: --source and DEST must be inside of the networks of phase 2" mon.err
	stop_background
	tun_both
	# Each alone; the kernel's choice of the source; and what fits.
	begins --source 10.1.0.1 10.9.0.1
	grep -q "destination 10.9.0.1 of the probes is outside" a.err
	begins --source 203.0.113.1 10.2.0.1
	grep -q "source 203.0.113.1 of the probes is outside" a.err
	begins 10.2.0.1
	[ ! -s a.err ] || { cat a.err; return 1; }
	run -2 --separate-stderr left vpnmon --tun vpn0 --sa nothing.sa 10.2.0.1
	one_error
}

@test "row 14: rekeys without an answer: after three the destination is named" {
	need vpnmon
	make_pair aes128gcm16
	tun_both
	right sysctl -qw net.ipv4.icmp_echo_ignore_all=1
	background mon ip netns exec "$L" vpnmon --interval 0.2 --threshold 3 --tun vpn0 --sa left.sa --rekey 'echo run >>rekeys' \
		10.2.0.1
	eventually 20 grep -q "vpn0: 10.2.0.1 has never answered, after 3 --rekey commands" mon.err
	eventually 5 grep -q "^hint: does 10.2.0.1 answer ICMP echo at all" mon.err
}

@test "row 15: works until the rekey: the refused offer and PFS are named at both ends" {
	tunnel
	run -1 --separate-stderr left ike-initiate --look --phase2 left.sa "${NETS4[@]}" --esp aes128-sha256-modp1024 -o x.sa
	stderr_has "phase 2 (quick mode)"
	stderr_has "the peer accepts none of these: --esp aes128-sha256-modp1024"
	stderr_has "the peer does not accept PFS with group modp1024 (ATTRIBUTES-NOT-SUPPORTED)"
	eventually 3 grep -q "has PFS group modp1024 where none is configured" right.ike
	eventually 3 grep -q "^hint: the PFS group at the end of --esp" right.ike
	# The tunnel stays up.
	the_ping
	# And it says when it will be rekeyed.
	run -0 sa-show left.sa
	output_has "lifetime     1 h; until "
}

@test "row 16: large packets stall: natd-probe --sizes finds what passes, and the MTU to set carries the largest packets" {
	local mtu passes
	answer "${STEN4[@]}"
	right nft 'add table ip d; add chain ip d i { type filter hook prerouting priority -450; }; add rule ip d i iifname != "vpn0" meta length > 1400 drop'
	run -0 --separate-stderr left natd-probe --sizes --timeout 2 203.0.113.2
	output_has "1468 bytes of IKE to port 4500 in one packet: no answer"
	passes=$(sed -n 's/^  path MTU  *\([0-9]*\) bytes pass in one packet (DF), [0-9]* bytes do not$/\1/p' <<<"$output")
	[ "$passes" -gt 1392 ]
	[ "$passes" -le 1400 ]
	mtu=$(sed -n 's/^  MTU to set  *esp-tun --mtu \([0-9]*\): .*/\1/p' <<<"$output")
	two_start left left "ike-initiate --keep --psk-file gw.psk --local-id left.example --remote-id right.example \
		$(words "${FAST[@]}" "${NETS4[@]}") $PEER 2>left.ike | esp-tun --tun vpn0 --state-dir left.state"
	eventually 10 one_ping || { logs; return 1; }
	# As the device is: the largest packets get lost on the way. As it should be: they do not.
	run ! left ping -q -c 2 -i 0.2 -W 1 -M do -s 1372 10.2.0.1
	two_stop left
	two_start left left "ike-initiate --keep --psk-file gw.psk --local-id left.example --remote-id right.example \
		$(words "${FAST[@]}" "${NETS4[@]}") $PEER 2>left.ike | esp-tun --tun vpn0 --mtu $mtu --state-dir left.state"
	eventually 10 one_ping || { logs; return 1; }
	all_answered left 10.2.0.1 2 -M do -s $((mtu - 28))
}

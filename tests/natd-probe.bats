# natd-probe: right about NAT in none, ours, theirs and both; about ports, NAT-T versions and
# transforms; against the lab's gateway and against ike-respond.
# shards: 8

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells expand; run sets lines
bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

setup() {
	need natd-probe
	T=$BATS_TEST_TMPDIR
}

teardown() {
	lab_teardown
}

# respond SIDE [OPTION...]: ike-respond there, as the peer of every policy of the lab.
respond() {
	local side=$1 ns=$NS_RIGHT
	shift
	need ike-respond
	[ "$side" = right ] || ns=$NS_LEFT
	lab_start respond "$side" "ike-respond --psk-file $PSK --remote-id any --local-ts 10.2.0.0/24 $*"
	eventually 5 eval 'ip netns exec '"$ns"' ss -Hlun "sport = :4500" | grep -q .'
}

probe_left() { ip netns exec "$NS_LEFT" timeout 120 natd-probe "$@"; }

# shut NFT-MATCH...: what comes in at right and matches is dropped.
shut() {
	in_right nft add table ip shut
	in_right nft add chain ip shut in '{ type filter hook input priority 0 ; }'
	in_right nft add rule ip shut in "$@" drop
}

# says JQ-EXPRESSION: of the last report.
says() {
	jq -e "$1" <<<"$output" >/dev/null || {
		echo "not so: $1"
		jq . <<<"$output"
		return 1
	}
}

@test "natd-probe: no peer, a port for --local, a bad ID: misuse" {
	run -2 --separate-stderr natd-probe
	one_error
	run -2 --separate-stderr natd-probe --local 127.0.0.1:99 127.0.0.1
	one_error
	run -2 --separate-stderr natd-probe --id 'keyid:' 127.0.0.1
	one_error
	run -2 --separate-stderr natd-probe --local nonsense 127.0.0.1
	one_error
}

@test "natd-probe: a NAT router with no gateway behind it" {
	lab_topology
	respond right
	run -0 --separate-stderr probe_left --json "$RIGHT_IP"
	says '.nat == "none" and .reachable == {"500": true, "4500": true}'
	says '.["nat-d"].own | any(.address == "203.0.113.1" and .port == 500 and .match)'
	says '.["nat-d"].peer | .address == "203.0.113.2" and .port == 500 and .match'
	says '.["nat-d"].received[0] == (.["nat-d"].own[] | select(.match) | .hash)'
	says '.peer == "203.0.113.2" and .["natt-versions"] == ["rfc3947"]'
	run -0 --separate-stderr probe_left "$RIGHT_IP"
	output_has "NAT             none"
}

@test "natd-probe: the hashes are those that skeyid-calc computes" {
	need skeyid-calc
	lab_topology
	respond right
	run -0 --separate-stderr probe_left --json "$RIGHT_IP"
	local i r h want
	i=$(jq -r '.["nat-d"]["cky-i"]' <<<"$output")
	r=$(jq -r '.["nat-d"]["cky-r"]' <<<"$output")
	h=$(jq -r '.["nat-d"].hash' <<<"$output")
	want=$(jq -r '.["nat-d"].received[0]' <<<"$output")
	run -0 skeyid-calc natd --hash "$h" --cky-i "$i" --cky-r "$r" --ip 203.0.113.1 --port 500
	output_has "$want"
}

@test "natd-probe: NAT in front of us" {
	lab_topology --nat
	respond right
	run -0 --separate-stderr probe_left --json "$RIGHT_IP"
	says '.nat == "local" and .["nat-d"].peer.match and (.["nat-d"].own | all(.match | not))'
	says '.["nat-d"].own[0].address == "192.0.2.10"'
	run -0 --separate-stderr probe_left "$RIGHT_IP"
	output_has "NAT             in front of us"
}

@test "natd-probe: NAT in front of the peer (the gateway feigns one)" {
	lab_up ikev1-psk
	run -0 --separate-stderr probe_left --json "$RIGHT_IP"
	says '.nat == "remote" and (.["nat-d"].peer.match | not) and (.["nat-d"].own | any(.match))'
	says '.implementation == "strongSwan 5" and (.evidence | contains("XAuth, DPD"))'
	says '.proposal == "aes128-sha1-modp2048"'
	run -0 --separate-stderr probe_left "$RIGHT_IP"
	output_has "in front of the peer"
	output_has "strongSwan 5"
	output_has "afcad71368a1f1c96b8696fc77570100  DPD"
	output_has "--ike aes128-sha1-modp2048"
}

@test "natd-probe: NAT in front of the peer, a real one" {
	lab_topology --nat
	respond left
	ip netns exec "$NS_NAT" nft -f - <<-NFT
		table ip forward_ike {
			chain prerouting {
				type nat hook prerouting priority dstnat;
				iifname "outside" udp dport { 500, 4500 } dnat to $LEFT_PRIV_IP
			}
		}
	NFT
	run -0 --separate-stderr ip netns exec "$NS_RIGHT" timeout 60 natd-probe --json "$PEER_IP"
	says '.nat == "remote" and .reachable == {"500": true, "4500": true}'
	says '.["nat-d"].own | any(.address == "203.0.113.2" and .match)'
	run -0 --separate-stderr ip netns exec "$NS_RIGHT" timeout 60 natd-probe "$PEER_IP"
	output_has "NAT             in front of the peer"
}

@test "natd-probe: NAT on both sides" {
	lab_up --nat ikev1-psk
	run -0 --separate-stderr probe_left --json "$RIGHT_IP"
	says '.nat == "both"'
	run -0 --separate-stderr probe_left "$RIGHT_IP"
	output_has "NAT             in front of both ends"
}

@test "natd-probe: with several local addresses it names the one that the peer sees" {
	lab_topology
	respond right
	ip -n "$NS_LEFT" addr add 203.0.113.50/24 dev eth0
	run -0 --separate-stderr probe_left --json --local 203.0.113.50 "$RIGHT_IP"
	says '.nat == "none" and ([.["nat-d"].own[] | select(.match) | .address] == ["203.0.113.50"])'
	says '[.["nat-d"].own[].address] | contains(["203.0.113.1", "203.0.113.50"])'
}

@test "natd-probe: without permission for ports 500 and 4500 it uses others, reports it, and detects NAT correctly" {
	lab_topology
	respond right
	run -0 --separate-stderr ip netns exec "$NS_LEFT" \
		setpriv --bounding-set -net_bind_service,-setuid,-setgid timeout 60 natd-probe --user root "$RIGHT_IP"
	output_has "instead of 500, which is not available"
	output_has "NAT             none"
}

@test "natd-probe: an ordinary user can do it" {
	lab_topology
	respond right
	[ "$(stat -c %a "$SAPIPE_BUILD/natd-probe")" -ge 755 ]
	cp "$SAPIPE_BUILD/natd-probe" /tmp/natd-probe.$$
	run -0 --separate-stderr ip netns exec "$NS_LEFT" setpriv --reuid=65534 --regid=65534 --clear-groups \
		timeout 60 /tmp/natd-probe.$$ --json "$RIGHT_IP"
	rm -f /tmp/natd-probe.$$
	says '.nat == "none" and .ports["500"].local.port != 500'
}

@test "natd-probe: beside the resident tools, from their ports" {
	need ike-initiate esp-tun
	lab_up ikev1-psk
	lab_initiate ikev1-psk
	eventually 10 lab_answers left "$RIGHT_INNER"
	run -0 --separate-stderr probe_left --json "$RIGHT_IP"
	says '.ports["500"].local.port == 500 and .nat == "remote"'
	lab_ping left "$RIGHT_INNER"
}

@test "natd-probe: the versions of NAT traversal" {
	local v
	lab_topology
	for v in draft-03 draft-02 draft-00; do
		respond right --natt-versions "$v"
		run -0 --separate-stderr probe_left --json "$RIGHT_IP"
		says ".nat == \"none\" and .[\"natt-versions\"] == [\"$v\"] and .[\"nat-d\"].version == \"$v\""
		lab_stop respond
	done
	respond right --natt off
	run -0 --separate-stderr probe_left --json "$RIGHT_IP"
	says '.nat == "unknown" and .["natt-versions"] == []'
}

@test "natd-probe: port 500 shut: everything by 4500" {
	lab_topology --nat
	respond right
	shut udp dport 500
	run -0 --separate-stderr probe_left --json --timeout 2 "$RIGHT_IP"
	says '.reachable == {"500": false, "4500": true} and .nat == "local"'
}

@test "natd-probe: port 4500 shut" {
	lab_topology
	respond right
	shut udp dport 4500
	run -0 --separate-stderr probe_left --json --timeout 2 "$RIGHT_IP"
	says '.reachable == {"500": true, "4500": false} and .nat == "none"'
}

@test "natd-probe: --sizes reports whether large packets and fragments get through" {
	lab_topology
	respond right
	run -0 --separate-stderr probe_left --json --sizes "$RIGHT_IP"
	says '.sizes.whole == {"port": 4500, "bytes": 1468, "answered": true}'
	says '.sizes.fragments == {"port": 4500, "bytes": 2968, "answered": true}'
	says '.sizes.path == {"port": 4500, "passes": 1500, "fails": 0, "inner-mtu": 1422}'
	says '.sizes["ike-fragments"] == {"announced": true, "port": 4500, "bytes": 2424, "answered": true}'
	# a router that drops fragments
	in_right nft add table ip frags
	in_right nft add chain ip frags in '{ type filter hook prerouting priority -450 ; }'
	in_right nft add rule ip frags in ip frag-off '&' 0x3fff != 0 drop
	run -0 --separate-stderr probe_left --json --sizes --timeout 2 "$RIGHT_IP"
	says '.sizes.whole.answered and (.sizes.fragments.answered | not) and .nat == "none"'
	says '.sizes["ike-fragments"].answered'
	# and one whose tunnel is narrower, and that does not say so
	in_right nft add rule ip frags in ip length '>' 1450 drop
	run -0 --separate-stderr probe_left --sizes --timeout 2 "$RIGHT_IP"
	output_has "1468 bytes of IKE to port 4500 in one packet: no answer"
}

@test "natd-probe: --fingerprint reports the peer's retransmissions, and the implementation that matches" {
	lab_topology
	respond right --ike aes128-sha1-modp2048
	# busy machines are late: the intervals are checked in virtual time, by test_pattern
	run -0 --separate-stderr probe_left --json --fingerprint --max-time 60 "$RIGHT_IP"
	says '.repetitions | .["main-2"] == [] and (.["main-4"] | length == 6) and .["main-4"][4] > 6000'
	lab_stop respond
	respond right --ike aes128-sha1-modp2048 --exchange aggressive
	run -0 --separate-stderr probe_left --fingerprint --timeout 1 "$RIGHT_IP"
	# nothing is sent to an address again before it returned our cookie
	output_has "message 2 of aggressive mode  not again"
}

@test "natd-probe: --sizes reports whether the gateway accepts IKE fragments of full size" {
	lab_up --nat ikev1-psk
	run -0 --separate-stderr probe_left --json --sizes "$RIGHT_IP"
	says '.sizes["ike-fragments"] == {"announced": true, "port": 4500, "bytes": 2424, "answered": true}'
	# the vendor ID that this takes does not confuse the rest
	says '.implementation == "strongSwan 5" and .nat == "both"'
	"$LAB/strongswan.sh" log | grep -q "reassembled fragmented IKE message (2424 bytes)"
	ip netns exec "$NS_RIGHT" nft add table ip narrow
	ip netns exec "$NS_RIGHT" nft add chain ip narrow in '{ type filter hook input priority 0 ; }'
	ip netns exec "$NS_RIGHT" nft add rule ip narrow in ip length '>' 1200 drop
	run -0 --separate-stderr probe_left --sizes --timeout 2 "$RIGHT_IP"
	output_has "2424 bytes of IKE to port 4500 in IKE fragments of full size: no answer"
}

# nat_keeps YOUNG OLD: seconds that the NAT router keeps a silent UDP flow: a single question with
# its answer, and one that has lasted.
nat_keeps() {
	ip netns exec "$NS_NAT" sysctl -qw "net.netfilter.nf_conntrack_udp_timeout=$1" \
		"net.netfilter.nf_conntrack_udp_timeout_stream=$2" || skip "no conntrack timeouts here"
}

@test "natd-probe: --mapping-timeout finds the 9 s of a NAT, and says where this end is seen" {
	lab_up --nat ikev1-psk
	nat_keeps 3 9
	run -0 --separate-stderr probe_left --json --mapping-timeout --max-time 100 --external "$PEER_IP" "$RIGHT_IP"
	says '.["mapping-timeout"] | .["at-least-ms"] > 6000 and .["at-least-ms"] <= 9000'
	# the answer's way counts too, and this machine may be busy
	says '.["mapping-timeout"] | .["at-most-ms"] >= 9000 and .["at-most-ms"] < 13000'
	says '.["mapping-timeout"].ports == "chosen"'
	says '.["nat-d"].seen | .address == "203.0.113.1" and .port >= 20000 and .port < 30000'
	says '.["mapping-timeout"].seen | length == 3 and all(.outside.port >= 20000 and .inside.port >= 1024)'
	stderr_has "100 s at most"
}

@test "natd-probe: SIGINT ends --mapping-timeout with what is known so far, and a bar goes with it" {
	lab_up --nat ikev1-psk
	background probe ip netns exec "$NS_LEFT" natd-probe --mapping-timeout --json --external "$PEER_IP" "$RIGHT_IP"
	measuring() { grep -q measuring "$T/probe.err"; }
	eventually 15 measuring
	sleep 3
	kill -INT "${BG[probe]}"
	ended probe
	jq -e '.["mapping-timeout"].unknown | contains("time limit reached")' "$T/probe.out"
	run -0 ip netns exec "$NS_LEFT" script -qec \
		"natd-probe --mapping-timeout --max-time 8 --external $PEER_IP $RIGHT_IP >/dev/null" /dev/null </dev/null
	[[ $output == *"["*"] "*" % unknown"* ]]
}

@test "natd-probe: --mapping-timeout finds 4 s, with a peer that repeats message 4 of itself" {
	lab_topology --nat
	nat_keeps 4 4
	respond right
	run -0 --separate-stderr probe_left --json --mapping-timeout --max-time 100 --external "$PEER_IP" "$RIGHT_IP"
	says '.["mapping-timeout"] | .["at-least-ms"] > 1900 and .["at-least-ms"] <= 4000'
	says '.["mapping-timeout"] | .["at-most-ms"] >= 4000 and .["at-most-ms"] < 8000'
}

@test "natd-probe: --mapping-timeout says unknown, and why, where there is no evidence" {
	lab_up --nat ikev1-psk
	run -0 --separate-stderr probe_left --mapping-timeout "$RIGHT_IP"
	output_has "unknown: the public address is unknown: try --external"
	# a NAT that keeps ports: a new flow looks like the old one
	ip netns exec "$NS_NAT" nft flush table ip lab
	ip netns exec "$NS_NAT" nft add rule ip lab postrouting oifname outside masquerade
	nat_keeps 2 2
	run -0 --separate-stderr probe_left --json --mapping-timeout --max-time 15 --external "$PEER_IP" "$RIGHT_IP"
	says '.["mapping-timeout"] | .["at-least-ms"] == null and .["at-most-ms"] == null and .ports == "kept"'
	says '.["mapping-timeout"].unknown | contains("assigns the same port")'
	says '.["nat-d"].seen.address == "203.0.113.1" and .nat == "both"'
}

@test "natd-probe: --mapping-timeout without a NAT in front of us, or with a foreign --external" {
	lab_up ikev1-psk
	run -0 --separate-stderr probe_left --mapping-timeout "$RIGHT_IP"
	output_has "unknown: there is no NAT in front of us"
	run -2 --separate-stderr probe_left --mapping-timeout --external fd00::1 "$RIGHT_IP"
	one_error
	run -2 --separate-stderr probe_left --mapping-timeout --external nonsense "$RIGHT_IP"
	one_error
}

@test "natd-probe, dpd-ping: IPv6" {
	need ike-respond dpd-ping
	lab_topology
	ip -n "$NS_LEFT" addr add fd00:1::1/64 dev eth0 nodad
	ip -n "$NS_RIGHT" addr add fd00:1::2/64 dev eth0 nodad
	respond right
	run -0 --separate-stderr probe_left --json --sizes fd00:1::2
	says '.nat == "none" and .reachable == {"500": true, "4500": true} and .peer == "fd00:1::2"'
	says '.sizes.whole == {"port": 4500, "bytes": 1448, "answered": true} and .sizes.fragments.answered'
	run -0 --separate-stderr probe_left --json '[fd00:1::2]:4500'
	says '.nat == "none" and .reachable == {"500": false, "4500": true}'
	run -0 ip netns exec "$NS_LEFT" dpd-ping -c 2 -i 0.5 --peer fd00:1::2
	[ "${lines[-2]}" = "2 sent, 2 answered, 0% loss" ]
}

@test "natd-probe: no answer is exit 1, closed ports too, each with a report" {
	lab_topology
	run -1 --separate-stderr probe_left --json --timeout 0.3 "$RIGHT_IP"
	says '.reachable == {"500": false, "4500": false} and .nat == "unknown" and .proposal == null'
	says '.ports["500"].error == "Connection refused"'
	stderr_has "no answer from 203.0.113.2"
	shut meta l4proto udp
	run -1 --separate-stderr probe_left --timeout 0.3 "$RIGHT_IP"
	output_has "UDP 500         no answer"
	output_has "UDP 4500        no answer"
	stderr_has "hint: "
}

@test "natd-probe: reflected messages do not count as an answer" {
	lab_topology
	run -1 --separate-stderr probe_left --json --timeout 0.3 "$PEER_IP"
	says '.reachable == {"500": false, "4500": false}'
}

@test "natd-probe: a gateway that rejects everything is only reported as reachable" {
	lab_up ikev2-psk
	run -0 --separate-stderr probe_left --json "$RIGHT_IP"
	says '.reachable == {"500": true, "4500": true} and .nat == "unknown"'
	says '.ports["500"].notify == "NO-PROPOSAL-CHOSEN" and .transforms == [] and .proposal == null'
}

# finds CONFIG PROPOSAL: --transforms finds just that in the gateway's configuration.
finds() {
	"$LAB/strongswan.sh" load "$1"
	run -0 --separate-stderr probe_left --json --transforms --rate 50 "$RIGHT_IP"
	says ".proposal == \"$2\" and .transforms == [\"$2\"] and .complete"
	says '.accepted | any(.auth == "psk" and .exchange == "main")'
	[ -z "$stderr" ]
}

@test "natd-probe: --transforms finds the transforms that each configuration of the gateway accepts" {
	lab_up ikev1-psk
	finds ikev1-psk aes128-sha1-modp2048
	finds ikev1-3des-md5 3des-md5-modp1024
	finds ikev1-aes128-sha1 aes128-sha1-modp1536
	finds ikev1-aes256-sha256 aes256-sha256-modp2048
	finds ikev1-gcm-ecp256 aes128-sha256-ecp256
}

@test "natd-probe: --transforms finds all of a list, and ike-initiate accepts the line" {
	lab_topology
	respond right --ike aes256-sha512-modp3072,aes128-sha1-modp1024,3des-md5-modp1536,des-sha384-ecp384
	run -0 --separate-stderr probe_left --json --transforms --rate 50 "$RIGHT_IP"
	says '(.transforms | sort) == ["3des-md5-modp1536", "aes128-sha1-modp1024", "aes256-sha512-modp3072", "des-sha384-ecp384"]'
	says '.proposal == "aes256-sha512-modp3072" and .complete and .nat == "none"'
	says '[.accepted[].auth] | unique == ["psk"]'
	need ike-initiate
	run -0 --separate-stderr ip netns exec "$NS_LEFT" ike-initiate --phase1 --psk-file "$PSK" \
		--remote-id any --ike "$(jq -r .proposal <<<"$output")" -o "$T/p1.sa" "$RIGHT_IP"
}

@test "natd-probe: --transforms finds aggressive mode, with the identity that the gateway wants" {
	lab_up ikev1-psk-aggressive
	run -0 --separate-stderr probe_left --json --transforms --rate 50 "$RIGHT_IP"
	says '[.accepted[].exchange] | index("aggressive") == null'
	run -0 --separate-stderr probe_left --json --transforms --rate 50 --id left.lab.example "$RIGHT_IP"
	says '.accepted | any(.exchange == "aggressive" and .proposal == "aes128-sha1-modp2048" and .auth == "psk")'
	says '.id == "right.lab.example" and .lifetime == 28800 and .["nonce-bytes"] == 32'
}

@test "natd-probe: a peer that only supports aggressive mode" {
	lab_topology --nat
	respond right --exchange aggressive
	run -0 --separate-stderr probe_left --json --timeout 2 "$RIGHT_IP"
	says '.nat == "local" and (.accepted | all(.exchange == "aggressive"))'
}

@test "natd-probe: a bar on a terminal, and none in a file" {
	lab_up ikev1-psk
	run -0 ip netns exec "$NS_LEFT" script -qec \
		"natd-probe --transforms --rate 50 $RIGHT_IP >/dev/null" /dev/null </dev/null
	[[ $output == *"["*"] "*" % "*" transforms, "* ]]
	run -0 --separate-stderr probe_left --transforms --rate 50 "$RIGHT_IP"
	[ -z "$stderr" ]
}

@test "natd-probe: SIGINT prints the results so far" {
	lab_up ikev1-psk
	background probe ip netns exec "$NS_LEFT" natd-probe --transforms --rate 1 --json "$RIGHT_IP"
	eventually 15 eval 'lab_log | grep -q "sending packet"'
	sleep 2.5
	kill -INT "${BG[probe]}"
	ended probe
	jq -e '.proposal == "aes128-sha1-modp2048" and (.complete | not)' "$T/probe.out"
}

@test "natd-probe: it exits with 3, without a message, when the reader closes the pipe" {
	lab_topology
	respond right
	run -3 --separate-stderr bash -c 'exec 3> >(:)
		wait $!
		exec ip netns exec "$1" natd-probe "$2" >&3 3>&-' - "$NS_LEFT" "$RIGHT_IP"
	[ -z "$stderr" ]
}

#!/usr/bin/env bats
# Negotiations that begin on port 4500, behind the non-ESP marker, and gateways with other ports.
# shards: 2
# shellcheck disable=SC2154 # BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() {
	need ike-initiate ike-respond dpd-ping
	command -v nft >/dev/null || skip "no nft (make deps)"
	tun_setup
	cd "$T" || return
	umask 077
	printf 'lilies-and-roses\n' >gw.psk
	POLICY=(--psk-file gw.psk --ike aes128-sha1-modp1024 --esp aes128-sha1)
	NETS=(--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 --remote-id any --linger 0 --timeout 15)
}
teardown() { tun_teardown; }

# gateway [OPTION]...: ike-respond in right, ready on UDP 4500.
gateway() {
	background r ip netns exec "$R" ike-respond -v "${POLICY[@]}" --local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24 \
		-o r.sa "$@"
	eventually 10 gateway_ready || { cat r.err; return 1; }
}
gateway_ready() { right ss -Hlun 'sport = :4500' | grep -q .; }

# negotiate [OPTION]... PEER: it must establish a child SA; state in o.sa.
negotiate() {
	left ike-initiate -vv "${POLICY[@]}" "${NETS[@]}" -o o.sa "$@" 2>i.err || { echo "$*"; cat i.err r.err; return 1; }
}

# ends LOCAL REMOTE: the endpoints of the IKE SA of o.sa.
ends() {
	run -0 --separate-stderr sa-show --json o.sa
	[ "$(jq -rs '.[0] | "\(.local.port) \(.remote.port)"' <<<"$output")" = "$1 $2" ] || {
		echo "$output"
		return 1
	}
}

# record: UDP on left's wire, into wire.pcap, until stop_recording.
record() {
	background dump ip netns exec "$L" tcpdump --immediate-mode -B 8192 -s 4096 -Uni eth0 -w wire.pcap udp
	eventually 10 grep -q listening dump.err
}
recorded() { [ "$(tcpdump -nr wire.pcap 2>/dev/null | wc -l)" -ge "$1" ]; }
stop_recording() {
	eventually 5 recorded 9	# both modes
	kill -INT "${BG[dump]}"
	ended dump 10 || :
}

@test "ike-initiate PEER:4500: from our port 4500, behind the non-ESP marker from the first message on; nothing goes to port 500" {
	gateway
	record
	negotiate 203.0.113.2:4500
	stop_recording
	ends 4500 4500
	run -0 tcpdump -nr wire.pcap
	[[ $output != *".500 "* && $output != *".500:"* ]]
	# UDP payloads: none begins with anything but four zero bytes.
	run -0 tcpdump -nr wire.pcap 'udp[8:4] != 0'
	[[ $output != *"IP "* ]] || { echo "$output"; return 1; }
	# The record says where later tools have to ask.
	run -0 left dpd-ping -c 1 o.sa
	output_has "1 answered"
}

@test "ike-initiate --local ADDR:4500, :4500 and any address: one port for all; ike-respond --listen ADDR:4500" {
	gateway --listen 203.0.113.2:4500
	local at
	for at in "203.0.113.1:4500 203.0.113.2:4500" ":4500 203.0.113.2" "0.0.0.0:4500 203.0.113.2"; do
		# shellcheck disable=SC2086 # two words
		negotiate --local $at
		ends 4500 4500
		rm o.sa
	done
	# ESP is in UDP if NAT traversal is forced, and not because IKE is there.
	negotiate --local :4500 203.0.113.2
	run -0 --separate-stderr sa-show --json o.sa
	[ "$(jq -rs '.[1].encap' <<<"$output")" = none ]
	rm o.sa
	negotiate --local :4500 --natt force 203.0.113.2
	run -0 --separate-stderr sa-show --json o.sa
	[ "$(jq -rs '.[1].encap' <<<"$output")" = udp ]
}

@test "ike-initiate --natt-port: a gateway behind forwarded ports is reached on either; without it the failure names the change" {
	right nft -f - <<-'NFT'
		add table ip n
		add chain ip n pre { type nat hook prerouting priority dstnat; }
		add rule ip n pre udp dport 24500 redirect to :4500
		add rule ip n pre udp dport 2500 redirect to :500
	NFT
	gateway
	negotiate --natt-port 24500 203.0.113.2:24500
	ends 4500 24500
	rm o.sa
	negotiate --natt-port 24500 203.0.113.2:2500
	ends 4500 24500
	# ESP goes to that port, too.
	run -0 --separate-stderr sa-show --json o.sa
	[ "$(jq -rs '.[1] | "\(.encap) \(.remote.port)"' <<<"$output")" = "udp 24500" ]
	run -0 left natd-probe --natt-port 24500 203.0.113.2:24500
	[[ $output =~ UDP\ 24500\ +answers && $output == *"ike-initiate --natt-port 24500"* ]]
	right nft -f - <<-'NFT'
		add chain ip n early { type filter hook prerouting priority -200; }
		add rule ip n early udp dport 4500 drop
	NFT
	run -1 --separate-stderr left ike-initiate "${POLICY[@]}" "${NETS[@]}" 203.0.113.2:2500
	stderr_has "203.0.113.2:4500"
	stderr_has "on port 2500 it answered"
	stderr_has "--natt-port PORT"
	# natd-probe says as much: the first port answers and the second does not; the port is another one.
	run -0 left natd-probe --timeout 1 203.0.113.2:2500
	output_has "not on UDP 4500: if a NAT is found, ike-initiate needs --natt-port PORT"
	run -1 --separate-stderr left natd-probe --timeout 1 203.0.113.2:24500
	stderr_has "hint: if UDP 24500 is the gateway's port for NAT traversal"
	stderr_has "with --natt-port 24500"
}

@test "an address that cannot be a peer is exit 2 with its reason: any, broadcast, multicast, link-local without an interface" {
	local tool
	for tool in "ike-initiate ${POLICY[*]} ${NETS[*]} -o x.sa" "natd-probe" "dpd-ping -c 1 --peer"; do
		while read -r addr text; do
			# shellcheck disable=SC2086 # words
			run -2 --separate-stderr left $tool $addr
			one_error
			stderr_has "$text"
		done <<-'TABLE'
			0.0.0.0 is this machine itself, not a peer
			203.0.113.255 is a broadcast address, not a peer
			255.255.255.255 is a broadcast address, not a peer
			224.0.0.5 is a multicast address, not a peer
			fe80::2 fe80::2 is link-local
		TABLE
	done
	stderr_has "fe80::2%eth0"
	[ ! -e x.sa ]
}

@test "ike-initiate --local 127.0.0.1 towards another machine is refused at once, and once" {
	run -1 --separate-stderr left timeout 60 ike-initiate "${POLICY[@]}" "${NETS[@]}" --local 127.0.0.1 203.0.113.2
	one_error
	stderr_has "from 127.0.0.1"
}

@test "ike-respond: a peers file accepts a link-local address with its interface" {
	printf '[a]\naddress = fe80::1%%eth0\npsk-file = gw.psk\nremote-id = a.example\nlocal-ts = 10.2.0.0/24\nremote-ts = 10.1.0.0/24\n' >peers
	gateway_with_peers() { background r ip netns exec "$R" ike-respond -v --peers peers -o r.sa; }
	gateway_with_peers
	eventually 10 gateway_ready || { cat r.err; return 1; }
}

# IKE fragments on paths that drop IP fragments, with strongSwan at the other end; tshark judges ours.
# shards: 2

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

# Enough proposals to make message 1 of both phases longer than an IP packet of 576 bytes; the gateway accepts the last.
IKE_LIST=$(printf '%s,' {aes256,aes192,aes128}-{sha512,sha384,sha256}-{modp4096,modp2048} aes256-sha1-modp2048)aes128-sha1-modp2048
ESP_LIST=$(printf '%s,' {aes256,aes192,aes128}-{sha512,sha384,sha256}-modp2048 aes256-sha1-modp2048)aes128-sha1-modp2048

setup_file() {
	lab_setup_file
}

setup() {
	need ike-initiate ike-respond esp-tun
	command -v tshark >/dev/null || skip "no tshark"
	T=$BATS_TEST_TMPDIR
}

teardown() {
	lab_teardown
}

# narrow: links of 576 bytes, and nothing gets through in IP fragments.
narrow() {
	local ns dev
	for ns in "$NS_LEFT" "$NS_RIGHT" "$NS_NAT"; do
		[ -e "/run/netns/$ns" ] || continue
		for dev in $(ip -n "$ns" -o link show type veth | sed 's/^[0-9]*: \([^@:]*\).*/\1/'); do
			ip -n "$ns" link set "$dev" mtu 576
		done
		ip netns exec "$ns" nft -f - <<-NFT
			table ip frags {
				chain in {
					type filter hook prerouting priority -450;
					ip frag-off & 0x3fff != 0 counter drop
				}
			}
		NFT
	done
}

# dropped: IP fragments that the path dropped.
dropped() {
	local ns n=0
	for ns in "$NS_LEFT" "$NS_RIGHT" "$NS_NAT"; do
		[ ! -e "/run/netns/$ns" ] ||
			n=$((n + $(ip netns exec "$ns" nft list table ip frags | sed -n 's/.*packets \([0-9]*\).*/\1/p')))
	done
	echo $n
}

# fragments FILTER: how many IKE fragments of the capture tshark finds there.
fragments() {
	tshark -r "$T/x.pcapng" -Y "isakmp.frag.seq and $1" -T fields -e isakmp.frag.seq 2>/dev/null | wc -l
}

# judged: tshark puts all IKE fragments together, finds no fault with any, and no datagram exceeds 576 bytes.
judged() {
	local bad='isakmp.fragment.error or isakmp.fragment.overlap or isakmp.fragment.multiple_tails or
		isakmp.fragment.too_long_fragment or isakmp.fragment_number.invalid or _ws.malformed'
	[ -z "$(tshark -r "$T/x.pcapng" -Y "$bad" 2>/dev/null)" ]
	[ -z "$(tshark -r "$T/x.pcapng" -Y 'ip.len > 576' 2>/dev/null)" ]
}

@test "lab frag: fragments of strongSwan are put together" {
	LAB_CHARON='fragment_size = 300' lab_up ikev1-pfs
	lab_initiate ikev1-pfs --pcap "$T/x.pcapng"
	eventually 10 lab_answers left "$RIGHT_INNER"
	[ "$(fragments "ip.src == $RIGHT_IP")" -ge 4 ]
	[ "$(fragments "ip.src == $PEER_IP")" -eq 0 ]
	lab_tunnel_works
}

@test "lab frag: main and quick mode pass a path that drops IP fragments" {
	LAB_CHARON='fragment_size = 300' lab_up ikev1-pfs
	narrow
	lab_start tunnel left "ike-initiate --keep $(lab_policy ikev1-pfs | sed 's/--ike [^ ]* --esp [^ ]*//') \
		--ike $IKE_LIST --esp $ESP_LIST --fragmentation force --fragment-size 576 \
		--pcap $T/x.pcapng $RIGHT_IP | $(ESP_TUN)"
	eventually 10 lab_answers left "$RIGHT_INNER"
	[ "$(fragments "ip.src == $PEER_IP and isakmp.exchangetype == 2")" -ge 2 ]
	[ "$(fragments "ip.src == $PEER_IP and isakmp.exchangetype == 32")" -ge 2 ]
	[ "$(fragments "ip.src == $RIGHT_IP")" -ge 2 ]
	judged
	[ "$(dropped)" -eq 0 ]
	lab_log | grep -q 'received fragment #2'
}

@test "lab frag: without fragmentation that path ends in no answer" {
	lab_up ikev1-pfs
	narrow
	# shellcheck disable=SC2046 # words
	run -1 --separate-stderr in_left ike-initiate $(lab_policy ikev1-pfs | sed 's/--ike [^ ]*//') --ike "$IKE_LIST" \
		--fragmentation off --timeout 3 -o "$T/x.sa" "$RIGHT_IP"
	[[ $stderr = *"no answer from $RIGHT_IP:500 to message 1"* ]]
	[ "$(dropped)" -gt 0 ]
}

@test "lab frag: through a NAT, with the non-ESP marker in front of each fragment" {
	LAB_CHARON='fragment_size = 300' lab_up --nat ikev1-pfs
	narrow
	lab_start tunnel left "ike-initiate --keep $(lab_policy ikev1-pfs | sed 's/--esp [^ ]*//') --esp $ESP_LIST \
		--fragment-size 576 --pcap $T/x.pcapng $RIGHT_IP | $(ESP_TUN)"
	eventually 10 lab_answers left "$RIGHT_INNER"
	[ "$(fragments "udp.dstport == 4500")" -ge 2 ]
	[ "$(fragments "udp.srcport == 4500 and ip.src == $RIGHT_IP")" -ge 2 ]
	judged
	[ "$(dropped)" -eq 0 ]
}

@test "lab frag: strongSwan initiates in fragments to ike-respond" {
	LAB_CHARON='fragment_size = 300' lab_up ikev1-pfs
	lab_respond ikev1-pfs --fragmentation force --fragment-size 576 --pcap "$T/x.pcapng"
	lab_ctl --initiate --child net >"$T/initiate" 2>&1 || { tail "$T/initiate"; return 1; }
	eventually 10 lab_answers left "$RIGHT_INNER"
	[ "$(fragments "ip.src == $RIGHT_IP")" -ge 4 ]
}

# chain: a root, two intermediates and our certificate below them; $T/chain.crt is what we send, $T/left.key our key, and
# the gateway knows the root alone.
chain() {
	local above=$LAB_STATE/pki/rsa-ca name
	for name in one two left; do
		openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/$name.key" 2>/dev/null
		openssl req -new -sha256 -key "$T/$name.key" -subj "/O=IPsec Lab/CN=$name.lab.example" -out "$T/$name.csr"
		case $name in
		left) printf '%s\n' 'basicConstraints = CA:FALSE' 'keyUsage = critical, digitalSignature' \
			'subjectAltName = DNS:left.lab.example' ;;
		*) printf '%s\n' 'basicConstraints = critical, CA:TRUE' 'keyUsage = critical, keyCertSign, cRLSign' ;;
		esac >"$T/$name.ext"
		openssl x509 -req -sha256 -days 30 -in "$T/$name.csr" -CA "$above.crt" -CAkey "$above.key" \
			-set_serial "0x$(openssl rand -hex 8)" -extfile "$T/$name.ext" -out "$T/$name.crt" 2>/dev/null
		above=$T/$name
	done
	cat "$T/left.crt" "$T/two.crt" "$T/one.crt" >"$T/chain.crt"
}

# with_chain: the policy of ikev1-rsa with that chain.
with_chain() {
	lab_policy ikev1-rsa | sed "s|--cert [^ ]* --key [^ ]*|--cert $T/chain.crt --key $T/left.key|"
}

@test "lab frag: main mode with a chain of three certificates passes a path that drops IP fragments" {
	LAB_CHARON='fragment_size = 576' lab_up ikev1-rsa
	narrow
	chain
	lab_start tunnel left "ike-initiate --keep $(with_chain) --fragment-size 576 --pcap $T/x.pcapng $RIGHT_IP | $(ESP_TUN)"
	eventually 15 lab_answers left "$RIGHT_INNER"
	[ "$(fragments "ip.src == $PEER_IP and isakmp.exchangetype == 2")" -ge 5 ]
	[ "$(fragments "ip.src == $RIGHT_IP")" -ge 2 ]
	judged
	[ "$(dropped)" -eq 0 ]
}

@test "lab frag: a gateway's answer with a chain of three certificates passes it, too" {
	LAB_CHARON='fragment_size = 576' lab_up ikev1-rsa
	narrow
	chain
	lab_start tunnel left "ike-respond $(with_chain) --fragment-size 576 --pcap $T/x.pcapng | $(ESP_TUN)"
	eventually 5 lab_listens 500
	lab_ctl --initiate --child net >"$T/initiate" 2>&1 || { tail "$T/initiate"; return 1; }
	eventually 10 lab_answers left "$RIGHT_INNER"
	[ "$(fragments "ip.src == $PEER_IP")" -ge 5 ]
	[ "$(fragments "ip.src == $RIGHT_IP")" -ge 2 ]
	judged
	[ "$(dropped)" -eq 0 ]
}

# client_chain [--nat]: strongSwan as client of our gateway, with the certificate of that chain and the intermediates.
client_chain() {
	export LAB_SIDE=left
	local its
	LAB_CHARON='fragment_size = 576' lab_up "$@" ikev1-rsa
	its=$LAB_STATE/left/swanctl
	narrow
	chain
	cp "$T/left.crt" "$its/x509/rsa-left.crt"
	cp "$T/left.key" "$its/private/rsa-left.key"
	cp "$T/one.crt" "$T/two.crt" "$its/x509ca/"
	lab_ctl --load-all --clear >"$T/load"
	lab_gateway ikev1-rsa --fragment-size 576 --pcap "$T/x.pcapng"
	lab_ctl --initiate --child net >"$T/initiate" 2>&1 || { tail "$T/initiate"; return 1; }
	eventually 15 lab_answers left "$RIGHT_INNER"
	[ "$(fragments "ip.src == $PEER_IP")" -ge 5 ]
	[ "$(fragments "ip.src == $RIGHT_IP")" -ge 2 ]
	judged
	[ "$(dropped)" -eq 0 ]
}

@test "lab frag: a client's chain of three certificates reaches our gateway" {
	client_chain
}

@test "lab frag: a client's chain of three certificates reaches our gateway through NAT" {
	client_chain --nat
}

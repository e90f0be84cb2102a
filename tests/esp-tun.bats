# esp-tun between two namespaces, with hand-made SA state: no negotiation.
# shards: 6

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun

setup() { tun_setup; }
teardown() { tun_teardown; }

# carries KIND...: "PROPOSAL ENCAP OUTER INNER" each, an SA of its own between one pair of tunnels: ping and TCP through
# every one.
carries() {
	local n=0 kind p encap outer inner port a b net dest=()
	for kind; do
		n=$((n + 1))
		read -r p encap outer inner <<<"$kind"
		port=0 a=203.0.113.1 b=203.0.113.2 net="--local-ts 10.1.0.0/24 --remote-ts 10.2.$n.0/24"
		[ "$encap" = none ] || port=4500
		[ "$outer" = 4 ] || a='[2001:db8:ff::1]' b='[2001:db8:ff::2]'
		dest[n]=10.2.$n.1
		[ "$inner" = 4 ] || net="--local-ts 2001:db8:1::/64 --remote-ts 2001:db8:2:$n::/64" dest[n]=2001:db8:2:$n::1
		if [ "$inner" = 4 ]; then right ip addr add "${dest[n]}/32" dev lo; else right ip addr add "${dest[n]}/128" dev lo nodad; fi
		echo "child --esp $p --encap $encap --local $a:$port --remote $b:$port $net $T/$n.l $T/$n.r"
	done >"$T/batch"
	sa_make batch <"$T/batch"
	eval "cat $T/{1..$n}.l >$T/left.sa; cat $T/{1..$n}.r >$T/right.sa"
	chmod 600 "$T/left.sa" "$T/right.sa"
	tun_both
	eventually 15 in_use left $n && eventually 15 in_use right $n || { cat "$T"/*.err; return 1; }
	for ((n = 1; n <= $#; n++)); do
		echo "# ${!n}"
		ping_across "${dest[n]}"
		tcp_across "${dest[n]}" 100000
	done
	counters right >"$T/counters"
	[ "$(sed -n 's/^esp-tun: in: .*\<bad-icv \([0-9]*\).*/\1/p' "$T/counters")" = 0 ]
	[ "$(sed -n 's/^esp-tun: in: .*\<replays \([0-9]*\).*/\1/p' "$T/counters")" = 0 ]
}

@test "esp-tun: CBC with each integrity, raw ESP" {
	carries "aes128-sha1 none 4 4" "aes192-sha384 none 4 4" "aes256-sha512 none 4 4" "aes256-sha256 none 4 4" \
		"aes128-sha256_96 none 4 4" "aes128-aesxcbc none 4 4"
}

@test "esp-tun: old and counter ciphers, in UDP" {
	carries "3des-md5 udp 4 4" "des-sha1 udp 4 4" "null-sha256 udp 4 4" "aes128ctr-sha1 udp 4 4" \
		"aes256ctr-sha256 udp 4 4"
}

@test "esp-tun: AEADs, raw and in UDP" {
	carries "aes128gcm8 none 4 4" "aes192gcm12 udp 4 4" "aes256gcm16 none 4 4" "chacha20poly1305 udp 4 4"
}

@test "esp-tun: extended sequence numbers, separate and combined" {
	carries "aes128-sha256-esn none 4 4" "aes256gcm16-esn udp 4 4"
}

@test "esp-tun: IPv6 in IPv4, IPv4 in IPv6, IPv6 in IPv6, raw and in UDP" {
	carries "aes128gcm16 none 4 6" "aes128-sha1 none 6 4" "chacha20poly1305 none 6 6" \
		"aes128gcm16 udp 4 6" "aes128-sha1 udp 6 4" "chacha20poly1305 udp 6 6"
}

@test "esp-tun: behind the marker of the first NAT-T drafts, on the port of IKE" {
	make_pair aes128-sha1 udp-draft 4 4 --local 203.0.113.1:500 --remote 203.0.113.2:500
	tun_both
	ping_across 10.2.0.1
	tcp_across 10.2.0.1
	# 1500 - 20 IP - 8 UDP - 8 marker - 8 ESP - 16 IV - 12 ICV = 1428, on 16 bytes, less 2.
	left ip link show vpn0 | grep -q "mtu 1422"
}

@test "esp-tun: both families through one tunnel" {
	make_pair aes128gcm16
	cp "$T/left.sa" "$T/l4" && cp "$T/right.sa" "$T/r4"
	make_pair aes128gcm16 none 4 6
	cat "$T/l4" >>"$T/left.sa"
	cat "$T/r4" >>"$T/right.sa"
	tun_both
	ping_across 10.2.0.1
	ping_across 2001:db8:2::1
}

@test "esp-tun: routes come with the right source address, and go at the end" {
	make_pair aes128gcm16
	tun_both
	run -0 left ip route get 10.2.0.9
	output_has "dev vpn0"
	output_has "src 10.1.0.1"
	kill "${BG[left]}"
	ended left
	run -0 left ip route
	[[ $output != *10.2.0.0* ]]
	run ! left ip link show vpn0
}

@test "esp-tun: where the local selector is everything, the source is no loopback or link-local address" {
	local v net='10.2.0.0/24' all='0.0.0.0/0'
	for v in 4 6; do
		make_pair aes128gcm16 none 4 $v --left-set "local-ts=[{\"net\": \"$all\"}]" \
			--right-set "remote-ts=[{\"net\": \"$all\"}]"
		tun_start left "$T/left.sa"
		eventually 15 tun_is_up left
		run -0 left ip -$v route show "$net"
		output_has "dev vpn0"
		[[ $output != *"src 127."* && $output != *"src ::1"* && $output != *"src fe80:"* ]]
		kill "${BG[left]}"
		ended left
		net=2001:db8:2::/64 all=::/0
	done
}

@test "esp-tun: the source of a new route follows the addresses that the machine has by then" {
	mkfifo "$T/left.pipe"
	exec 6<>"$T/left.pipe"
	# route_of NET SOURCE: whether the route to it has this source.
	route_of() { left ip route show "$1" | grep -qE "dev vpn0 proto static scope link src $2\b"; }
	add() {
		sa_make child --local 203.0.113.1 --remote 203.0.113.2 --local-ts 10.1.0.0/16 --remote-ts "$1" "$T/l.sa" "$T/r.sa"
		cat "$T/l.sa" >"$T/left.pipe"
	}
	tun_start left "$T/left.pipe"
	add 10.2.1.0/24
	eventually 5 route_of 10.2.1.0/24 10.1.0.1
	# One that came later, once the first one has gone.
	left ip addr add 10.1.7.7/32 dev lo
	left ip addr del 10.1.0.1/32 dev lo
	add 10.2.2.0/24
	eventually 5 route_of 10.2.2.0/24 10.1.7.7
	left ip addr del 10.1.7.7/32 dev lo
	add 10.2.3.0/24
	eventually 5 eval 'left ip route show 10.2.3.0/24 | grep -q "dev vpn0 proto static scope link *$"'
}

@test "esp-tun: --metric: a second tunnel to the same network has lower priority, and removes only its own routes" {
	local v
	make_pair aes128gcm16
	tun_both
	for v in 4 6; do
		make_pair aes128gcm16 none 4 $v
		cat "$T/left.sa" >>"$T/second.sa"
	done
	background second ip netns exec "$L" esp-tun -v --tun vpn1 --metric 2020 --state-dir "$T/second.state" "$T/second.sa"
	eventually 15 grep -q 'vpn1 is up' "$T/second.err"
	eventually 15 eval '[ -n "$(left ip -6 route show 2001:db8:2::/64)" ]'
	run -0 left ip route show 10.2.0.0/24
	[ "${#lines[@]}" -eq 2 ]
	output_has "dev vpn1 proto static scope link src 10.1.0.1 metric 2020"
	run -0 left ip -6 route show 2001:db8:2::/64
	output_has "dev vpn1"
	output_has "metric 2020"
	run -0 left ip route get 10.2.0.9
	output_has "dev vpn0"
	# what has the device of the better one goes with it
	kill "${BG[left]}"
	ended left
	run -0 left ip route get 10.2.0.9
	output_has "dev vpn1"
	kill "${BG[second]}"
	ended second
	run -0 left ip route
	[[ $output != *10.2.0.0* ]]
	run -2 esp-tun --metric 0 </dev/null
}

# slay NAME: by SIGKILL.
slay() {
	kill -9 "${BG[$1]}"
	wait "${BG[$1]}" 2>/dev/null || :
	unset "BG[$1]"
}

@test "esp-tun: --block-on-exit: after kill -9 and after SIGTERM nothing leaves in clear; it starts again" {
	local round ts
	# In clear everything would be answered.
	left ip route add default via 203.0.113.2
	right ip route add 10.1.0.0/24 via 203.0.113.1
	right ip addr add 10.2.0.77/32 dev lo
	left ping -q -c 1 -W 3 10.2.0.1
	make_pair aes128gcm16
	tun_both
	slay left
	left ping -q -c 1 -W 3 -I 10.1.0.1 10.2.0.1	# this is what the option is for
	for round in KILL TERM KILL; do
		tun_start left --block-on-exit "$T/left.sa"
		eventually 15 tun_is_up left
		eventually 15 left ping -q -c 1 -W 1 10.2.0.1
		run -0 left ip route get 10.2.0.1
		output_has "dev vpn0"
		kill "-$round" "${BG[left]}"
		wait "${BG[left]}" 2>/dev/null || :
		unset "BG[left]"
		run ! left ping -q -c 1 -W 1 10.2.0.1
		run ! left ping -q -c 1 -W 1 10.2.0.77
		output_has "No route to host"
		left ping -q -c 1 -W 3 203.0.113.2
	done
	# As the page says it.
	left ip route flush table all proto 172
	left ping -q -c 1 -W 3 10.2.0.1
	stop_background
	# The peer's own address is in the network: tables and rules.
	for ts in 0.0.0.0/0=10.2.0.1 203.0.113.0-203.0.113.9=203.0.113.5; do
		sa_make child --esp aes128gcm16 --local 203.0.113.1:0 --remote 203.0.113.2:0 --local-ts 10.1.0.0/24 \
			--remote-ts "${ts%=*}" "$T/all.sa" "$T/lla.sa"
		tun_start left --block-on-exit "$T/all.sa"
		eventually 15 tun_is_up left
		slay left
		run ! left ping -q -c 1 -W 1 "${ts#*=}"
		output_has "No route to host"
		left ip route flush table all proto 172
	done
	# The rules, as the page says it.
	left ip rule | grep -q '^520[0-5]:'
	# shellcheck disable=SC2016
	left sh -c "$(man -P cat -l "$SAPIPE_TOP/man/esp-tun.8" | sed -n '/^ *for p in 5200/,/^ *done 2>/p')"
	run ! grep -q '^520' <(left ip rule; left ip -6 rule)
	run -2 esp-tun --block-on-exit --no-route </dev/null
	run -2 esp-tun --block-on-exit --metric 4294967295 </dev/null
}

@test "esp-tun: --no-route adds no routes" {
	make_pair aes128gcm16
	tun_both --no-route
	run ! left ip route get 10.2.0.9
	left ip route add 10.2.0.0/24 dev vpn0 src 10.1.0.1
	ping_across 10.2.0.1
}

@test "esp-tun: an address of the selectors that no interface has is added to the device, as does --address" {
	make_pair aes128gcm16 none 4 4 --left-set 'local-ts=[{"net": "10.3.0.7/32"}]' \
		--right-set 'remote-ts=[{"net": "10.3.0.7/32"}]'
	tun_both --address 10.9.0.1/24
	run -0 left ip -o addr show dev vpn0
	output_has "10.3.0.7/32"
	output_has "10.9.0.1/24"
	[[ $output != *fe80* ]]
	ping_across 10.2.0.1
}

@test "esp-tun: host to host does not route ESP into its own tunnel; rules are removed on exit" {
	for encap in none udp; do
		make_pair aes128gcm16 $encap 4 4 --local-ts 203.0.113.1/32 --remote-ts 203.0.113.2/32
		tun_both
		run -0 left ip rule
		output_has "not from all fwmark"
		ping_across 203.0.113.2
		[ "$(counter left out packets)" -ge 3 ]
		stop_background
		run -0 left ip rule
		[[ $output != *fwmark* ]]
	done
}

@test "esp-tun: a default route through the tunnel; local networks stay reachable" {
	make_pair aes128gcm16 none 4 4 --remote-ts 0.0.0.0/0
	tun_both
	ping_across 10.2.0.1
	left ping -q -c 1 -W 5 203.0.113.2		# on the wire's own net: not through the tunnel
	[ "$(counter left out packets)" -eq 3 ]
	stop_background
	run -0 left ip rule
	[[ $output != *suppress* ]]
}

@test "esp-tun: packets outside the selectors are dropped and counted, outbound and inbound" {
	make_pair aes128gcm16 none 4 4
	tun_both
	left ip route add 10.9.0.0/24 dev vpn0 src 10.1.0.1
	run ! left ping -c 2 -i 0.02 -W 0.1 10.9.0.1
	eventually 5 eval '[ "$(counter left out policy-drops)" = 2 ]'
	[ "$(counter left out packets)" = 0 ]
	stop_background
	# The left end thinks that more may pass than the right end does.
	make_pair aes128gcm16 none 4 4 --left-set 'remote-ts=[{"net": "10.0.0.0/8"}]'
	tun_both
	right ip addr add 10.9.0.1/32 dev lo
	run ! left ping -c 2 -i 0.02 -W 0.1 10.9.0.1
	eventually 5 eval '[ "$(counter right in policy-drops)" = 2 ]'
	[ "$(counter right in packets)" = 0 ]
}

# has_frames N: tcpdump has written that many to $T/cap.
has_frames() { [ "$(tcpdump -nnr "$T/cap" 2>/dev/null | wc -l)" -ge "$1" ]; }

@test "esp-tun: replayed packets are dropped and counted" {
	make_pair aes128gcm16
	tun_both
	background dump ip netns exec "$R" tcpdump -s 2000 -B 8192 --immediate-mode -Z root -i eth0 -nn -U -w "$T/cap" 'ip proto 50 and src 203.0.113.1'
	eventually 15 grep -q listening "$T/dump.err"
	ping_across 10.2.0.1
	eventually 10 has_frames 3
	kill "${BG[dump]}"
	ended dump 5 || :
	left /usr/bin/python3 - "$T/cap" <<-'PY'
		import socket, struct, sys
		b = open(sys.argv[1], "rb").read()
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		at = 24
		while at < len(b):
		    n = struct.unpack("<I", b[at + 8:at + 12])[0]
		    s.sendto(b[at + 30:at + 16 + n], ("203.0.113.2", 0))
		    at += 16 + n
	PY
	eventually 15 eval '[ "$(counter right in replays)" = 3 ]'
	[ "$(counter right in packets)" = 3 ]
}

@test "esp-tun: garbage on the wire is counted by kind, and harms nothing" {
	make_pair aes128-sha1 udp
	tun_both
	local spi
	spi=$(counters right | sed -n 's/^esp-tun: sa \([0-9a-f]*\) .*/\1/p')
	left /usr/bin/python3 - "$spi" <<-'PY'
		import socket, sys
		spi = bytes.fromhex(sys.argv[1])
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for p in (spi + bytes(3), spi + b"\0\0\0\1" + bytes(60 - 12), spi + b"\0\0\0\1" + bytes(60),
		          b"\0\0\1\0" + bytes(60), b"\xff", b"\xff" * 20):
		    s.sendto(p, ("203.0.113.2", 4500))
	PY
	eventually 15 eval '[ "$(counter right in unknown-spi)" = 2 ]'
	[ "$(counter right in bad-icv)" = 1 ]
	[ "$(counter right in malformed)" = 1 ]
	ping_across 10.2.0.1
}

@test "esp-tun: MTU comes from path, transform and encapsulation; no packet needs fragments outside" {
	# 1500 - 20 IP - 8 ESP - 8 IV - 16 ICV = 1448, on 4 bytes, less 2.
	make_pair aes128gcm16
	tun_both
	eventually 15 eval 'left ip link show vpn0 | grep -q "mtu 1446"'
	background dump ip netns exec "$R" tcpdump -s 2000 -B 8192 --immediate-mode -Z root -i eth0 -nn -U -w "$T/cap" 'ip proto 50'
	eventually 15 grep -q listening "$T/dump.err"
	left ping -q -c 2 -i 0.02 -W 5 -M do -s $((1446 - 28)) 10.2.0.1
	run ! left ping -q -c 1 -W 0.2 -M do -s $((1447 - 28)) 10.2.0.1
	tcp_across 10.2.0.1
	eventually 10 has_frames 201
	kill "${BG[dump]}"
	ended dump 5 || :
	[ "$(tcpdump -nnr "$T/cap" 'ip[6:2] & 0x3fff != 0' 2>/dev/null | wc -l)" -eq 0 ]
	stop_background
	# 1500 - 20 IP - 8 UDP - 8 ESP - 16 IV - 12 ICV = 1436, on 16 bytes, less 2.
	make_pair aes128-sha1 udp
	tun_both
	eventually 15 eval 'left ip link show vpn0 | grep -q "mtu 1422"'
	left ping -q -c 2 -i 0.02 -W 5 -M do -s $((1422 - 28)) 10.2.0.1
}

@test "esp-tun: a packet too big for its path is answered with ICMP, in both families" {
	make_pair aes128gcm16
	tun_both --mtu 1500
	run ! left ping -c 1 -W 15 -M do -s 1472 10.2.0.1
	output_has "mtu = 1446"
	stop_background
	make_pair aes128gcm16 none 4 6
	tun_both --mtu 1500
	run ! left ping -c 1 -W 15 -M do -s 1452 2001:db8:2::1
	output_has "mtu=1446"
	# IPv6 may always send 1280 bytes.
	left ping -q -c 1 -W 5 -s 1232 2001:db8:2::1
}

# mss_seen ARGUMENT...: prints the MSS that arrives on the right for a connection from the left. The right does not change
# it, unless RIGHT_MSS says so.
mss_seen() {
	make_pair aes128gcm16
	tun_start left "$@" "$T/left.sa"
	tun_start right --mss "${RIGHT_MSS-off}" "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right
	background dump ip netns exec "$R" tcpdump --immediate-mode -Z root -i vpn0 -nn -l 'tcp[tcpflags] & tcp-syn != 0'
	eventually 15 grep -q listening "$T/dump.err"
	left timeout 20 socat -u OPEN:/dev/null TCP4:10.2.0.1:7777,connect-timeout=15 2>/dev/null || :
	eventually 15 grep -q mss "$T/dump.out"
	kill "${BG[dump]}"
	ended dump 5 || :
	stop_background
	sed -n 's/.*\[S\].*mss \([0-9]*\).*/\1/p' "$T/dump.out" | head -1
}

@test "esp-tun: the MSS of TCP is clamped, set, or not changed" {
	[ "$(mss_seen --mtu 1500)" = 1406 ]
	[ "$(mss_seen --mtu 1500 --mss 1000)" = 1000 ]
	[ "$(mss_seen --mtu 1500 --mss off)" = 1460 ]
	# at the tunnel's exit too
	[ "$(RIGHT_MSS=clamp mss_seen --mtu 1500 --mss off)" = 1406 ]
	[ "$(RIGHT_MSS=900 mss_seen --mtu 1500 --mss off)" = 900 ]
}

@test "esp-tun: DSCP and ECN are copied to the outer header, or DSCP is fixed; raw and in UDP" {
	for encap in none udp; do
		for want in copy:0xba 10:0x2a map:0x8a; do
			make_pair aes128gcm16 $encap
			if [ "$want" = map:0x8a ]; then tun_both --dscp 7 --dscp-map 46:34,1:2; else tun_both --dscp ${want%:*}; fi
			background dump ip netns exec "$R" tcpdump --immediate-mode -Z root -i eth0 -nn -v -l src 203.0.113.1 and not arp
			eventually 15 grep -q listening "$T/dump.err"
			left ping -q -c 1 -W 5 -Q 0xba 10.2.0.1
			eventually 15 grep -q "tos ${want#*:}" "$T/dump.out"
			kill "${BG[dump]}"
			ended dump 5 || :
			stop_background
		done
	done
}

@test "esp-tun: a congestion mark on the way reaches the inner packet, in both directions, or drops one without ECN" {
	local encap end
	command -v nft >/dev/null || skip "no nft (make deps)"
	for end in left right; do
		$end nft 'add table ip e; add chain ip e o { type filter hook postrouting priority 0; }; add rule ip e o oifname eth0 ip ecn set ce'
	done
	for encap in none udp; do
		make_pair aes128gcm16 $encap
		tun_both
		background dump ip netns exec "$L" tcpdump --immediate-mode -Z root -i vpn0 -nn -v -l icmp
		background dump2 ip netns exec "$R" tcpdump --immediate-mode -Z root -i vpn0 -nn -v -l icmp
		eventually 15 grep -q listening "$T/dump.err" && eventually 15 grep -q listening "$T/dump2.err"
		left ping -q -c 1 -W 5 -Q 0xba 10.2.0.1
		eventually 15 grep -q 'tos 0xbb,CE' "$T/dump2.out"
		eventually 15 grep -q 'tos 0xbb,CE' "$T/dump.out"
		run ! left ping -q -c 1 -W 1 -Q 0xb8 10.2.0.1
		eventually 5 eval '[ "$(counter right in ecn-drops)" = 1 ]'
		stop_background
	done
}

@test "esp-tun: a fragmented inner packet crosses" {
	make_pair aes128gcm16
	tun_both
	left ping -q -c 2 -i 0.02 -W 5 -s 8000 10.2.0.1
}

# both_sent: the right end has sent with two SAs.
both_sent() { [ "$(counters right | grep -cE '^esp-tun: sa .* out [1-9]')" = 2 ]; }

@test "esp-tun: a rekey in the stream loses no packet" {
	make_pair aes128gcm16
	cp "$T/left.sa" "$T/l1" && cp "$T/right.sa" "$T/r1"
	local old
	old=$(sa_field "$T/l1" spi-in)
	make_pair aes256-sha256 none 4 4 --replaces "$old"
	cp "$T/left.sa" "$T/l2" && cp "$T/right.sa" "$T/r2"
	mkfifo "$T/lf" "$T/rf"
	tun_start left "$T/lf"
	tun_start right "$T/rf"
	exec 5>"$T/lf" 6>"$T/rf"
	cat "$T/l1" >&5
	cat "$T/r1" >&6
	eventually 15 tun_is_up left
	eventually 15 tun_is_up right
	local had
	had=$(replies)
	background ping ip netns exec "$L" ping -q -i 0.02 10.2.0.1
	eventually 10 replied $((had + 10))
	# The responder first, only inbound; then the initiator; then both directions; then the old SA is deleted.
	set_key "$T/r2" use=in >"$T/r2in"
	cat "$T/r2in" >&6
	cat "$T/l2" >&5
	eventually 10 in_use left 2
	eventually 10 replied $(($(replies) + 10))
	cat "$T/r2" >&6
	eventually 10 both_sent
	eventually 10 replied $(($(replies) + 10))
	sa_make delete --spi-in "$old" --protocol esp "$T/ld"
	sa_make delete --spi-out "$old" --protocol esp "$T/rd"
	cat "$T/ld" >&5
	cat "$T/rd" >&6
	eventually 10 replied $(($(replies) + 10))
	kill -INT "${BG[ping]}"
	ended ping 20 || :
	eventually 10 replied $((had + $(sed -n 's/ packets transmitted.*//p' "$T/ping.out"))) || { cat "$T"/*.out "$T"/*.err; return 1; }
	# The old one receives for a moment longer.
	has_one_sa() { [ "$(counters left | grep -c '^esp-tun: sa ')" = 1 ]; }
	eventually 15 has_one_sa
	[ "$(counter left out no-sa)" = "" ]
	# The end of the input ends nothing.
	exec 5>&- 6>&-
	sleep 0.2
	ping_across 10.2.0.1
}

# sa_field FILE KEY: a top-level key of the first record, numbers as they are, bytes in hex.
sa_field() {
	/usr/bin/python3 - "$@" <<-'PY'
		import cbor2, sys
		v = cbor2.load(open(sys.argv[1], "rb"))[sys.argv[2]]
		print("0x" + v.hex() if isinstance(v, bytes) else v)
	PY
}

# set_key FILE KEY=WORD: the first record with that key changed, on stdout.
set_key() {
	/usr/bin/python3 - "$@" <<-'PY'
		import cbor2, sys
		r = cbor2.load(open(sys.argv[1], "rb"))
		k, v = sys.argv[2].split("=")
		r[k] = v
		sys.stdout.buffer.write(cbor2.dumps(r, canonical=True))
	PY
}

@test "esp-tun: packets that come before their record are held, not lost" {
	make_pair aes128gcm16
	mkfifo "$T/rf"
	tun_start right "$T/rf"
	exec 6>"$T/rf"
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up left
	# the packet lies in its socket before the record lies in its pipe, however slow the machine is
	kill -STOP "${BG[right]}"
	background ping ip netns exec "$L" ping -q -c 1 -W 30 10.2.0.1
	eventually 15 eval 'right ss -Hwan | awk "\$2 > 0 { n++ } END { exit !n }"'
	cat "$T/right.sa" >&6
	kill -CONT "${BG[right]}"
	ended ping 20
	exec 6>&-
	[ "$(counter right in unknown-spi)" = 0 ]
}

@test "esp-tun: SAs that expired end it with 0; input without a child SA is 1" {
	make_pair aes128gcm16 none 4 4 --lifetime 15
	tun_both
	ping_across 10.2.0.1
	ended left 60
	run -1 --separate-stderr left esp-tun --tun vpn0 --state-dir "$T/s" /dev/null
	one_error
	stderr_has "without a child SA"
	sa_make ike --local 203.0.113.1 --remote 203.0.113.2 "$T/ike.sa" none
	run -1 --separate-stderr left esp-tun --tun vpn0 --state-dir "$T/s" "$T/ike.sa"
	one_error
	make_pair aes128gcm16 none 4 4 --established 1000 --lifetime 60
	run -2 --separate-stderr left esp-tun --tun vpn0 --state-dir "$T/s" "$T/left.sa"
	one_error
	stderr_has "expired"
}

@test "esp-tun: a second sender with the same SA is refused" {
	make_pair aes128gcm16
	tun_both
	run -3 --separate-stderr left esp-tun --tun vpn1 --state-dir "$T/left.state" "$T/left.sa"
	one_error
	stderr_has "another esp-tun"
	ping_across 10.2.0.1
}

@test "esp-tun: a second sender with the log of a tunnel takes the old SA, but not the new one: 3" {
	local old
	make_pair aes128gcm16
	old=$(sa_field "$T/left.sa" spi-in)
	mv "$T/left.sa" "$T/l1"
	make_pair aes128gcm16
	sa_make delete --spi-in "$old" --protocol esp "$T/ld"
	cat "$T/l1" "$T/left.sa" "$T/ld" >"$T/log"
	chmod 600 "$T/log"
	tun_start left "$T/log"
	eventually 15 tun_is_up left
	eventually 15 eval '[ "$(counters left | grep -c "^esp-tun: sa ")" = 1 ]'
	run -3 --separate-stderr left timeout 20 esp-tun --tun vpn1 --state-dir "$T/left.state" "$T/log"
	# On a slow machine it is up by the old SA for a moment.
	[ "$(grep -c 'another esp-tun sends with the keys of this SA' <<<"$stderr")" -eq 1 ]
}

@test "esp-tun: sequence numbers continue after a restart and after a crash" {
	local n sig
	make_pair aes128gcm16
	tun_both
	for sig in TERM KILL; do
		ping_across 10.2.0.1
		kill -$sig "${BG[left]}"
		ended left || :
		tun_start left "$T/left.sa"
		eventually 15 tun_is_up left
		eventually 30 left ping -q -c 1 -W 1 10.2.0.1 >/dev/null
	done
	[ "$(counter right in replays)" = 0 ]
	# The one that restarts takes nothing twice either: after a crash its window has leapt forward.
	kill -KILL "${BG[right]}"
	ended right || :
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up right
	eventually 30 left ping -q -c 1 -W 0.2 10.2.0.1 >/dev/null
	[ "$(counter right in replays)" -gt 0 ]
}

@test "esp-tun: A26: claims that are cut or changed, and claims without their key, are refused, not taken for new" {
	local slots=$T/left.state/claim.slots
	make_pair aes128gcm16
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up left
	kill "${BG[left]}"
	ended left
	cp "$slots" "$T/kept"
	printf X | dd of="$slots" bs=1 seek=100 conv=notrunc status=none
	run -4 left esp-tun --state-dir "$T/left.state" "$T/left.sa"
	output_has "is damaged: its checksum is wrong; the numbers that were used are not known"
	output_has "hint: numbers of an SA must not be used twice"
	: >"$slots"
	run -4 left esp-tun --state-dir "$T/left.state" "$T/left.sa"
	output_has "claims in claim.slots are damaged, perhaps that of this SA"
	output_has "hint: numbers of an SA must not be used twice"
	cp "$T/kept" "$slots"
	mv "$T/left.state/claim.key" "$T/key"
	run -4 left esp-tun --state-dir "$T/left.state" "$T/left.sa"
	output_has "there are claims but no claim.key"
	[ ! -e "$T/left.state/claim.key" ]
	mv "$T/key" "$T/left.state/claim.key"
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up left
}

@test "esp-tun: a disk that hangs stops no packet; a keeper of claims that dies ends it" {
	local keeper
	make_pair aes128gcm16
	tun_both
	ping_across 10.2.0.1
	keeper=$(pgrep -P "${BG[right]}")
	kill -STOP "$keeper"
	ping_across 10.2.0.1 200
	kill -CONT "$keeper"
	ping_across 10.2.0.1
	# What it was asked in the meantime holds: a crash here replays nothing.
	sleep 0.2
	kill -KILL "${BG[right]}"
	ended right || :
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up right
	run ! left ping -q -c 1 -W 0.2 10.2.0.1
	eventually 5 eval '[ "$(counter right in replays)" -gt 0 ]'
	kill -KILL "$(pgrep -P "${BG[left]}")"
	local rc=0
	ended left || rc=$?
	[ $rc -eq 3 ]
	grep -q 'keeper of claims' "$T/left.err"
}

# many N: N SAs between the two ends, each with a host of its own on the right, in $T/left.sa and $T/right.sa.
many() {
	PYTHONPATH=$SAPIPE_TOP/tests/lib /usr/bin/python3 -B - "$1" "$T" <<-'PY'
		import os, sys, sa_make
		os.umask(0o077)
		left, right = (open(f"{sys.argv[2]}/{end}.sa", "wb") for end in ("left", "right"))
		for i in range(int(sys.argv[1])):
		    o = sa_make.defaults("--esp", "aes128gcm16", "--local", "203.0.113.1:0", "--remote", "203.0.113.2:0",
		        "--remote-ts", f"10.2.{i // 250}.{i % 250 + 1}/32")
		    r = sa_make.make_child(o)
		    left.write(sa_make.encode(r))
		    right.write(sa_make.encode(sa_make.mirror(r)))
	PY
}

in_use() { [ "$(grep -c 'is in use' "$T/$1.err")" = "$2" ]; }

@test "esp-tun: two thousand SAs through a pipe come up, carry, go, and come again" {
	local side start keeper
	many 2000
	right ip addr add 10.2.0.0/16 dev lo
	mkfifo "$T/pipe"
	# The keeper of claims starts slowly: neither process may wait for the other.
	tun_start left "$T/pipe"
	eventually 15 grep -q 'device vpn0 is open' "$T/left.err"
	keeper=$(pgrep -P "${BG[left]}")
	kill -STOP "$keeper"
	cat "$T/left.sa" >"$T/pipe" 3>&- &
	sleep 0.3
	kill -CONT "$keeper"
	start=$SECONDS
	tun_start right "$T/right.sa"
	for side in left right; do
		eventually 60 in_use $side 2000 || {
			grep -v 'is in use' "$T/$side.err"
			return 1
		}
	done
	echo "# up after $((SECONDS - start)) s" >&3
	eventually 15 eval '[ "$(left ip route | grep -c vpn0)" = 2000 ]'
	ping_across 10.2.0.1
	ping_across 10.2.3.7
	ping_across 10.2.7.250
	# Idle for two looks at the claims: no storm of questions stops the keeper or us.
	sleep 2.5
	ping_across 10.2.7.249
	run ! grep -E 'keeper|hint' "$T/left.err" "$T/right.err"
	kill "${BG[left]}"
	ended left 30
	# Again, from their claims: numbers continue, so nothing looks like a replay.
	tun_start left "$T/left.sa"
	eventually 60 in_use left 2000 || { grep -v 'is in use' "$T/left.err"; return 1; }
	eventually 15 eval '[ "$(left ip route | grep -c vpn0)" = 2000 ]'
	ping_across 10.2.0.1
	ping_across 10.2.7.250
	[ "$(counter right in replays)" = 0 ]
}

@test "esp-tun: an SA from before this boot needs its claim" {
	local now
	now=$(date +%s)
	make_pair aes128gcm16 none 4 4 --established 1000 --lifetime $((now + 3600 - 1000))
	run -2 --separate-stderr left esp-tun --tun vpn0 --state-dir "$T/s" "$T/left.sa"
	one_error
	stderr_has "before this machine started"
}

@test "esp-tun: the peer's new NAT mapping is followed, but only for authentic packets" {
	make_pair aes128gcm16 udp
	ip -n "$R" addr add 203.0.113.3/24 dev eth0
	right sysctl -qw net.ipv4.ip_forward=1
	tun_both
	ping_across 10.2.0.1
	# From here on the left end's packets come from another port.
	left nft -f - <<-'NFT'
		table ip nat {
			chain post {
				type nat hook postrouting priority 100
				udp sport 4500 snat to 203.0.113.1:34567
			}
		}
	NFT
	left sysctl -qw net.netfilter.nf_conntrack_udp_timeout=1 || :
	stop_left_and_again
	eventually 30 left ping -q -c 1 -W 1 10.2.0.1
	counters right | grep -q 'to 203.0.113.1:34567'
	grep -q 'peer moved' "$T/right.err"
	# A forged packet moves nothing.
	local spi
	spi=$(counters right | sed -n 's/^esp-tun: sa \([0-9a-f]*\) .*/\1/p')
	left /usr/bin/python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('203.0.113.1', 5555))
s.sendto(bytes.fromhex('$spi') + b'\x7f\0\0\0' + bytes(60), ('203.0.113.2', 4500))"
	eventually 15 eval '[ "$(counter right in bad-icv)" = 1 ]'
	counters right | grep -q 'to 203.0.113.1:34567'
}

stop_left_and_again() {
	kill "${BG[left]}"
	ended left || :
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up left
}

@test "esp-tun: each mistake is one line, the right status, and nothing half done" {
	make_pair aes128gcm16
	local e=(left esp-tun --state-dir "$T/s")
	# An interface name in use: by another program, and by another kind of interface.
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up left
	run -3 --separate-stderr "${e[@]}" --tun vpn0 "$T/right.sa"
	one_error
	stderr_has "vpn0 is in use"
	run -3 --separate-stderr "${e[@]}" --tun eth0 "$T/right.sa"
	one_error
	stderr_has "interface eth0 exists and is of another kind"
	run -2 --separate-stderr "${e[@]}" --tun 'a/b' "$T/right.sa"
	one_error
	# Input that is no state, truncated, of another version, with unknown algorithms.
	(umask 077 && echo "not CBOR at all" >"$T/bad")
	run -4 --separate-stderr "${e[@]}" "$T/bad"
	one_error
	head -c 100 "$T/right.sa" >"$T/bad"
	run -4 --separate-stderr "${e[@]}" "$T/bad"
	one_error
	make_pair aes128gcm16 none 4 4 --set format=2
	run -4 --separate-stderr "${e[@]}" "$T/left.sa"
	one_error
	make_pair aes128gcm16 none 4 4 --set 'proposal={"encryption": "rot13", "esn": false}'
	run -2 --separate-stderr "${e[@]}" "$T/left.sa"
	one_error
	stderr_has rot13
	make_pair aes128-sha1 none 4 4 --set 'encap="gre"'
	run -4 --separate-stderr "${e[@]}" "$T/left.sa"
	one_error
	stderr_has encap
	run -2 --separate-stderr "${e[@]}" "$T/nothing"
	one_error
	# No permission for the device. Others may not look into bats' own directory.
	make_pair aes128gcm16
	local dir
	dir=$(mktemp -d)
	chown 65534 "$dir"
	run -3 --separate-stderr left setpriv --reuid 65534 --regid 65534 --clear-groups \
		--inh-caps=-all --bounding-set=-all esp-tun --state-dir "$dir" <"$T/left.sa"
	rm -rf "$dir"
	one_error
	stderr_has "TUN device"
	run ! left ip link show vpn1
}

@test "esp-tun: --script runs at up and down, in vpnc-script's words, filtered" {
	make_pair aes128gcm16 none 4 4 --left-set 'name="a$(touch x);b"'
	sa_make ike --local 203.0.113.1 --remote 203.0.113.2 --left-set \
		'config={"address": "10.1.0.1", "dns": ["10.2.0.53", "10.2.0.54"], "domain": "lab.example", "banner": "hi `id`\u001b[1m"}' \
		"$T/ike.sa" none
	cat "$T/ike.sa" "$T/left.sa" >"$T/both.sa"
	chmod 600 "$T/both.sa"
	tun_start left --script "env >>$T/env; echo >>$T/env" "$T/both.sa"
	eventually 15 grep -q reason=connect "$T/env"
	kill "${BG[left]}"
	ended left
	grep -q '^reason=disconnect$' "$T/env"
	for want in TUNDEV=vpn0 VPNGATEWAY=203.0.113.2 INTERNAL_IP4_ADDRESS=10.1.0.1 CISCO_SPLIT_INC=1 \
		CISCO_SPLIT_INC_0_ADDR=10.2.0.0 CISCO_SPLIT_INC_0_MASK=255.255.255.0 CISCO_SPLIT_INC_0_MASKLEN=24 \
		'INTERNAL_IP4_DNS=10.2.0.53 10.2.0.54' CISCO_DEF_DOMAIN=lab.example INTERNAL_IP4_MTU=1446 \
		'SAPIPE_NAME=a__touch x__b' 'CISCO_BANNER=hi _id___1m'; do
		[ "$(grep -cFx "$want" "$T/env")" = 2 ] || { echo "not twice: $want"; grep -E "INTERNAL|CISCO|SAPIPE|VPN" "$T/env"; return 1; }
	done
	[ ! -e x ]
}

@test "esp-tun: a --script that fails brings a warning with its status, at up and down" {
	make_pair aes128gcm16 none
	tun_start left --script 'exit 3' "$T/left.sa"
	eventually 15 grep -q "warning: the script (reason=connect) ended with status 3" "$T/left.err"
	kill "${BG[left]}"
	ended left
	eventually 5 grep -q "warning: the script (reason=disconnect) ended with status 3" "$T/left.err"
}

@test "esp-tun: root becomes sapipe, or nobody, with only CAP_NET_ADMIN, or the user of --user; claims continue" {
	make_pair aes128gcm16 udp
	tun_both --user daemon
	grep -q "^Uid:[[:space:]]$(id -u sapipe 2>/dev/null || id -u nobody)[[:space:]]" "/proc/${BG[right]}/status"
	grep -q "^Uid:[[:space:]]$(id -u daemon)[[:space:]]" "/proc/${BG[left]}/status"
	grep -q '^CapEff:[[:space:]]0*1000$' "/proc/${BG[left]}/status"
	grep -q '^CapBnd:[[:space:]]0*$' "/proc/${BG[left]}/status"
	[[ $SAPIPE_BUILD == *san* ]] || grep -q '^Seccomp:[[:space:]]2$' "/proc/${BG[left]}/status"
	ping_across 10.2.0.1
	kill "${BG[left]}"
	ended left
	tun_start left "$T/left.sa"		# as nobody now, after daemon
	eventually 15 tun_is_up left
	ping_across 10.2.0.1
	[ "$(counter right in replays)" = 0 ]
	stop_background
	run -0 left ip route
	[[ $output != *10.2.0.0* ]]
}

@test "esp-tun: options that make no sense are misuse" {
	for args in "--mtu 10" "--mss 7" "--dscp 64" "--replay-window 5" "--replay-window 5000" "--address nonsense" \
		"--address 10.0.0.1/33" "--tun a --tun b" "--user nosuchuserhere" "--unknown"; do
		# shellcheck disable=SC2086 # words are meant
		run -2 --separate-stderr left esp-tun $args /dev/null
	done
}

@test "esp-tun: interoperates with scapy's IPsec layer in both directions, with each algorithm of scapy" {
	have_python scapy || skip "no python3-scapy (make deps)"
	local n=0 p encap=none words
	# scapy has no 96-bit SHA-256, no AES-XCBC, no short GCM tags, no ESN with separate integrity.
	words="aes128-sha1 aes192-sha384 aes256-sha512 aes128-md5 3des-sha256 des-sha1 null-sha1
		aes128ctr-sha1 aes256ctr-sha256 aes128gcm16 aes192gcm16 aes256gcm16 chacha20poly1305
		aes256gcm16-esn"
	for p in $words; do
		n=$((n + 1))
		make_pair $p $encap 4 4 --left-set "remote-ts=[{\"net\": \"10.2.$n.0/24\"}]" \
			--right-set "local-ts=[{\"net\": \"10.2.$n.0/24\"}]"
		cat "$T/left.sa" >>"$T/all-left"
		cat "$T/right.sa" >>"$T/all-right"
		if [ $encap = none ]; then encap=udp; else encap=none; fi
	done
	background peer ip netns exec "$R" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/esp_scapy_peer.py" "$T/all-right"
	chmod 600 "$T/all-left"
	tun_start left "$T/all-left"
	eventually 15 tun_is_up left
	eventually 20 grep -q ready "$T/peer.out"
	n=0
	for p in $words; do
		n=$((n + 1))
		ping_across 10.2.$n.1 2 || {
			echo "$p"
			cat "$T/peer.out" "$T/peer.err"
			counters left
			return 1
		}
	done
	[ "$(counter left in packets)" = $((2 * n)) ]
}

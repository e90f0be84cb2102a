#!/usr/bin/env bats
# Soaks of esp-tun: packets of random sizes and bytes, UDP (also in trains), ICMP, TCP, another protocol, fragments, while
# offloads of the devices go off and on at both ends, whose crypto is of two libraries. Every byte is compared.
# SOAK_SECONDS: of each, default 4. The long run, side by side:
# SOAK_SECONDS=600 TEST_TIMEOUT=900 SAPIPE_BUILD=build tests/run -j 6 tests/esp-soak.bats
# shards: 8
# shellcheck disable=SC2154 # BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() { tun_setup; }
teardown() { tun_teardown; }

TRAFFIC=$SAPIPE_BUILD/tests/traffic

# told FILE: for the long run.
told() {
	sed "s/^/# $BATS_TEST_DESCRIPTION: /" "$1"
	[ -z "${SOAK_SECONDS-}" ] || sed "s/^/# $BATS_TEST_DESCRIPTION: /" "$1" >&3
}

# soak PROPOSAL ENCAP OUTER INNER [OPTION...]: ipsec-mb left and libcrypto right, where the first has the suite.
soak() {
	local seconds=${SOAK_SECONDS:-4} seed=${SOAK_SEED:-$RANDOM} from=10.1.0.1 to=10.2.0.1 kind side bad=0
	[ "$4" = 4 ] || from=2001:db8:1::1 to=2001:db8:2::1
	echo "# seed $seed"
	make_pair "$@"
	tun_start left --backend "${LEFT:-auto}" --threads "${THREADS:-1}" "$T/left.sa"
	tun_start right --backend libcrypto --threads "${THREADS:-1}" "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right || { cat "$T/left.err" "$T/right.err"; return 1; }
	# Neighbours are known from here on: until then the kernel keeps few packets for each.
	ping_across $to
	# What the kernel drops in front of the tunnel would be lost too.
	ip -n "$L" link set vpn0 txqueuelen 10000
	ip -n "$R" link set vpn0 txqueuelen 10000
	background echo ip netns exec "$R" "$TRAFFIC" echo $to 7000
	eventually 10 grep -q listening "$T/echo.out"
	background off-left ip netns exec "$L" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/offloads.py" "$seed" vpn0 eth0
	background off-right ip netns exec "$R" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/offloads.py" $((seed + 1)) vpn0 eth0
	for kind in udp icmp other; do
		background $kind ip netns exec "$L" "$TRAFFIC" $kind $from $to 7000 "$seconds" "$seed"
	done
	background tcp ip netns exec "$L" "$TRAFFIC" tcp $from $to 7000 "$seconds" "$seed" 500000000
	for kind in udp icmp other tcp; do
		ended $kind $((seconds + 60)) || bad=1
		sed "s/^/$kind: /" "$T/$kind.out" "$T/$kind.err" >>"$T/told"
	done
	told "$T/told"
	for side in left right; do
		kill "${BG[off-$side]}"
		echo "$side: $(wc -l <"$T/off-$side.out") changes of offloads"
		counters $side >"$T/counters"
		cat "$T/counters"
		# What the tunnel did not lose: a kernel gives up a datagram of IPv4 when more than 64 other fragments of its sender come between
		# two of its own (ipfrag_max_dist).
		$side nstat -asz | awk -v s=$side '/ReasmFails|ReasmTimeout/ { print s ": " $1, $2 }'
		echo "$side: $($side cat /sys/class/net/vpn0/statistics/tx_dropped) packets dropped in front of vpn0"
		grep -q "in: .* replays 0, bad-icv 0, policy-drops 0$" "$T/counters" || bad=1
		! grep -qE "malformed|short" "$T/counters" || bad=1
	done
	[ "$(grep -c ' 0$' "$T/off-left.out")" -gt 2 ]
	[ $bad = 0 ]
}

@test "esp-soak: AES-GCM in UDP, IPv4 in IPv4" {
	LEFT=ipsec-mb soak aes128gcm16 udp 4 4
}
@test "esp-soak: AES-CBC and SHA-256 in UDP, IPv6 in IPv4" {
	LEFT=ipsec-mb soak aes256-sha256 udp 4 6
}
@test "esp-soak: AES-GCM, raw, IPv6 in IPv6" {
	LEFT=ipsec-mb soak aes256gcm16 none 6 6
}
@test "esp-soak: AES-CBC and SHA-1, raw, IPv4 in IPv6" {
	LEFT=ipsec-mb soak aes128-sha1 none 6 4
}
@test "esp-soak: ChaCha20-Poly1305 in UDP, with extended numbers, IPv4 in IPv6" {
	soak chacha20poly1305-esn udp 6 4
}
@test "esp-soak: AES-GCM in UDP with two threads, IPv4 in IPv4" {
	THREADS=2 LEFT=ipsec-mb soak aes128gcm16 udp 4 4
}
@test "esp-soak: AES-CBC and SHA-256, raw, with two threads, IPv4 in IPv6" {
	THREADS=2 LEFT=ipsec-mb soak aes256-sha256 none 6 4
}
@test "esp-soak: 3DES and MD5, raw, IPv4 in IPv4" {
	soak 3des-md5 none 4 4
}

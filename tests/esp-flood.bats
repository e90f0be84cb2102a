#!/usr/bin/env bats
# esp-tun under a flood of forged packets: pings of the real peer are answered, all of them.
# FLOOD_RATE and FLOOD_SECONDS: packets a second and how long, default 40000 and 3. The long run:
# FLOOD_RATE=192000 FLOOD_SECONDS=12 make check T=esp-flood
# shards: 2
# shellcheck disable=SC2154 # BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() { tun_setup; }
teardown() { tun_teardown; }

# spi_of right: the SPI that it receives with.
spi_of() { counters "$1" | sed -n 's/^esp-tun: sa \([0-9a-f]*\) .*/\1/p'; }

# flooded udp|raw SPI...: 20 pings a second during a flood from the peer's host; none is lost that the sockets have room for.
flooded() {
	local rate=${FLOOD_RATE:-40000} had
	while :; do
		had=$(overflowed)
		! flooded_at "$rate" "$@" || return 0
		# A machine too busy to read that much loses packets before esp-tun sees them: a slower flood.
		[ "$(overflowed)" -gt "$had" ] && [ "$rate" -gt 2000 ] || return 1
		rate=$((rate / 4))
	done
}
# overflowed: datagrams for which the right end's sockets had no room.
overflowed() { right sh -c 'awk "FNR > 1 { n += \$NF } END { print n + 0 }" /proc/net/udp /proc/net/raw'; }

# flooded_at RATE KIND SPI...: at that rate.
flooded_at() {
	local rate=$1 kind=$2 seconds=${FLOOD_SECONDS:-3} n had
	shift 2
	n=$((seconds * 20 + 20)) had=$(replies)
	background forge ip netns exec "$L" "$SAPIPE_BUILD/tests/forge" "$kind" 203.0.113.2 "$rate" "$seconds" 96 "$@"
	left ping -q -c $n -i 0.05 -W 2 10.2.0.1 >"$T/ping.out" || :
	ended forge 10 || return
	counters right >"$T/counters"
	echo "# $kind $*: $(cat "$T/forge.out") forged, $(($(replies) - had)) of $n pings answered, $(grep -o 'rtt.*' "$T/ping.out")"
	[ -z "${FLOOD_SECONDS-}" ] || grep -E "" "$T/counters" >&3
	[ -z "${FLOOD_SECONDS-}" ] || echo "# $kind $*: $(cat "$T/forge.out") forged, $(($(replies) - had)) of $n pings answered, $(grep -o 'rtt.*' "$T/ping.out")" >&3
	[ "$(cat "$T/forge.out")" -gt $((seconds * 1000)) ] || return
	eventually 2 replied $((had + n)) || { cat "$T/ping.out" "$T/counters"; return 1; }
}

@test "esp-flood: forged ESP in UDP, of the SA's SPI and of unknown SPIs: no ping is lost" {
	make_pair aes128gcm16 udp
	tun_both
	ping_across 10.2.0.1
	flooded udp "$(spi_of right)" 00000000
	[ "$(counter right in bad-icv)" -gt 100 ]
	[ "$(counter right in unknown-spi)" -gt 100 ]
}

@test "esp-flood: forged ESP, raw, of the SA's SPI and of unknown SPIs: no ping is lost" {
	make_pair aes256-sha256
	tun_both
	ping_across 10.2.0.1
	flooded raw "$(spi_of right)" 00000000
	[ "$(counter right in bad-icv)" -gt 100 ]
	[ "$(counter right in unknown-spi)" -gt 100 ]
}

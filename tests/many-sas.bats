# Ten thousand SAs on one device: they come through a pipe, carry, and half of them go again; and what one costs, with and
# without a route and a peer of its own.

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun

N=10000		# SAs
FIRST=100	# that are there before memory and time are measured

setup() { tun_setup; }
teardown() { tun_teardown; }

SUITES=(aes128gcm16 chacha20poly1305 aes256-sha256 aes256-sha512)	# the last one has the longest keys

# Records of SAs 0 .. N - 1 in $T/{left,right}.{first,SUITE,more}: the first ones, as many of the others with each suite, and
# one more; and deletes of every second SA, for the left, in $T/half.
records() {
	PYTHONPATH=$SAPIPE_TOP/tests/lib /usr/bin/python3 -B - $N $FIRST "$T" "${SUITES[@]}" <<-'PY'
		import os, sys, cbor2, sa_make
		os.umask(0o077)
		n, first, t, suites = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
		def out(end, part): return open(f"{t}/{end}.{part}", "wb")
		files = {(end, part): out(end, part) for end in ("left", "right") for part in ["first", "more"] + suites}
		half = open(f"{t}/half", "wb")
		for i in range(n + 1):
		    suite = suites[(i - first) * len(suites) // (n - first)] if first <= i < n else suites[0]
		    o = sa_make.defaults("--esp", suite, "--encap", "udp", "--local", "203.0.113.1:4500",
		        "--remote", "203.0.113.2:4500", "--spi-in", str(0x100000 + i), "--spi-out", str(0x200000 + i),
		        "--remote-ts", f"10.2.{i // 250}.{i % 250 + 1}/32", "--lifetime", "7200")
		    r = sa_make.make_child(o)
		    part = "first" if i < first else suite if i < n else "more"
		    files["left", part].write(sa_make.encode(r))
		    files["right", part].write(sa_make.encode(sa_make.mirror(r)))
		    if i % 2 == 1 and i < n:
		        half.write(cbor2.dumps({"type": "sa-delete", "format": 1, "protocol": "esp", "spi-in": r["spi-in"]},
		            canonical=True))
	PY
}

in_use() { [ "$(grep -c 'is in use' "$T/$1.err")" -ge "$2" ]; }
ended_sas() { [ "$(grep -c 'has ended: ' "$T/$1.err")" -ge "$2" ]; }

# resident PID: KB; busy PID: us of processor time.
resident() { awk '$1 == "Rss:" { print $2 }' "/proc/$1/smaps_rollup"; }
busy() { awk '{ print int($1 / 1000) }' "/proc/$1/schedstat"; }

# costs SIDE BEFORE N SUITE: prints the bytes of each of N SAs that SIDE has more than BEFORE (KB), and expects less than 2 KB, once
# it has released what it needed to add them. A sanitizer pads and marks memory.
costs() {
	local bytes rc=0
	eventually 10 cheap "$@" || rc=1
	echo "# $bytes bytes of the packet process for each SA with $4" >&3
	return $rc
}
cheap() {
	bytes=$((($(resident "${BG[$1]}") - $2) * 1024 / $3))
	[[ $SAPIPE_BUILD == *san* ]] || [ $bytes -lt 2048 ]
}

# routes_are N: of the left, by esp-tun.
routes() { left ip route show dev vpn0 proto static | wc -l; }
routes_are() { [ "$(routes)" = "$1" ]; }

# address I: of the host behind SA I.
address() { echo "10.2.$(($1 / 250)).$(($1 % 250 + 1))"; }

@test "esp-tun: ten thousand SAs come while traffic passes, half of them go, and each costs little" {
	local side i time pid suite had=$FIRST per=$(((N - FIRST) / ${#SUITES[@]}))
	local -A memory backend=([right]='--no-route --backend libcrypto') what=([left]='a route' [right]='libcrypto, no route')
	records
	right ip addr add 10.2.0.0/16 dev lo
	for side in left right; do
		mkfifo "$T/$side.pipe"
		# Open for both: its reader sees no end.
		exec {i}<>"$T/$side.pipe"
		# shellcheck disable=SC2086 # several words
		tun_start $side ${backend[$side]-} "$T/$side.pipe"
		cat "$T/$side.first" >"$T/$side.pipe"
	done
	for side in left right; do
		eventually 30 tun_is_up $side
		eventually 30 in_use $side $FIRST
	done
	right ip route add 10.1.0.0/24 dev vpn0 src 10.2.0.1
	ping_across "$(address 0)"
	pid=${BG[left]}
	time=$(busy "$pid")
	# Packets of the first SA cross all the while.
	background pings ip netns exec "$L" ping -n -i 0.01 -W 1 "$(address 0)"
	for suite in "${SUITES[@]}"; do
		had=$((had + per))
		for side in left right; do
			memory[$side]=$(resident "${BG[$side]}")
			cat "$T/$side.$suite" >"$T/$side.pipe"
		done
		for side in left right; do
			eventually 120 in_use $side $had || { grep -v 'is in use' "$T/$side.err" | tail; return 1; }
			[ $side = right ] || eventually 30 routes_are $had
			costs $side "${memory[$side]}" $per "$suite, ${what[$side]}"
		done
	done
	kill -INT "${BG[pings]}"
	ended pings 5 || :
	tail -n 3 "$T/pings.out"
	grep -qE ' 0(\.[0-9]+)?% packet loss' "$T/pings.out"
	time=$((($(busy "$pid") - time) / (N - FIRST)))
	echo "# $time us of the packet process for each SA" >&3
	for i in 0 1 $((N / 2)) $((N - 1)); do
		ping_across "$(address $i)"
	done
	[[ $SAPIPE_BUILD == *san* ]] || [ $time -lt 500 ]
	# Half of them go; the others go on, and one more comes.
	cat "$T/half" >"$T/left.pipe"
	eventually 60 ended_sas left $((N / 2))
	for i in 0 $((N / 2)) $((N - 2)); do
		ping_across "$(address $i)"
	done
	run ! left ping -q -c 1 -W 0.5 "$(address 1)"
	run ! left ping -q -c 1 -W 0.5 "$(address $((N - 1)))"
	for side in left right; do
		cat "$T/$side.more" >"$T/$side.pipe"
		eventually 30 in_use $side $((N + 1))
	done
	ping_across "$(address $N)"
	run ! grep -E 'keeper|hint|claim' "$T/left.err" "$T/right.err"
}

# A hub of many: a peer and a network for each SA. In $T/many.{first,SUITE} as above; one more in $T/one.I, its delete in $T/gone.I.
hub_records() {
	PYTHONPATH=$SAPIPE_TOP/tests/lib /usr/bin/python3 -B - $N $FIRST 200 "$T" "${SUITES[@]}" <<-'PY'
		import os, sys, cbor2, sa_make
		os.umask(0o077)
		n, first, more, t, suites = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:]
		files = {part: open(f"{t}/many.{part}", "wb") for part in ["first"] + suites}
		for i in range(n + more):
		    suite = suites[(i - first) * len(suites) // (n - first)] if first <= i < n else suites[0]
		    o = sa_make.defaults("--esp", suite, "--encap", "udp", "--local", "203.0.113.1:4500",
		        "--remote", f"198.18.{i // 250}.{i % 250 + 1}:4500", "--spi-in", str(0x100000 + i), "--spi-out", str(0x200000 + i),
		        "--remote-ts", f"10.{2 + i // 62500}.{i // 250 % 250}.{i % 250 + 1}/32", "--lifetime", "7200")
		    r = sa_make.make_child(o)
		    (files["first" if i < first else suite] if i < n else open(f"{t}/one.{i - n}", "wb")).write(sa_make.encode(r))
		    if i >= n:
		        open(f"{t}/gone.{i - n}", "wb").write(cbor2.dumps({"type": "sa-delete", "format": 1, "protocol": "esp",
		            "spi-in": r["spi-in"]}, canonical=True))
	PY
}

# thread_of PID NAME: its thread with that name.
thread_of() { (cd "/proc/$1/task" && dirname "$(grep -lx "$2" ./*/comm)" | sed 's:^./::'); }

# usage PID: us of processor time of a thread, and when (us). less A B: the difference of two. each IDLE USED: us for each of 200, beyond
# the idle rate.
usage() { echo "$(busy "$1") $(($(date +%s%N) / 1000))"; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { split(a, x); split(b, y); print y[1] - x[1], y[2] - x[2] }'; }
each() { awk -v i="$1" -v u="$2" 'BEGIN { split(i, x); split(u, y); print int((y[1] - x[1] * y[2] / x[2]) / 200) }'; }

@test "esp-tun: an SA with a peer and a route of its own, beside ten thousand, costs little to add and to remove" {
	local pid packets add gone delay idle i suite memory had=$FIRST per=$(((N - FIRST) / ${#SUITES[@]}))
	hub_records
	mkfifo "$T/left.pipe"
	exec 6<>"$T/left.pipe"
	left ip route add default via 203.0.113.2
	tun_start left "$T/left.pipe"
	cat "$T/many.first" >"$T/left.pipe"
	eventually 30 routes_are $FIRST || { routes; tail "$T/left.err"; return 1; }
	for suite in "${SUITES[@]}"; do
		had=$((had + per))
		memory=$(resident "${BG[left]}")
		cat "$T/many.$suite" >"$T/left.pipe"
		eventually 120 routes_are $had || { routes; tail "$T/left.err"; return 1; }
		costs left "$memory" $per "$suite, a route and a peer"
	done
	pid=${BG[left]}
	packets=$(thread_of "$pid" packets)
	# One after the other, each with its own look at the device. What the process does anyway, in so much time, is not counted.
	sleep 2
	idle=$(usage "$pid")
	sleep 5
	idle=$(less "$idle" "$(usage "$pid")")
	add=$(usage "$pid")
	delay=$(usage "$packets")
	for ((i = 0; i < 200; i++)); do
		cat "$T/one.$i" >"$T/left.pipe"
		nap 0.01
	done
	add=$(each "$idle" "$(less "$add" "$(usage "$pid")")")
	delay=$(each "0 1" "$(less "$delay" "$(usage "$packets")")")
	eventually 30 routes_are $((N + 200)) || { routes; tail "$T/left.err"; return 1; }
	gone=$(usage "$pid")
	for ((i = 0; i < 200; i++)); do
		cat "$T/gone.$i" >"$T/left.pipe"
		nap 0.01
	done
	gone=$(each "$idle" "$(less "$gone" "$(usage "$pid")")")
	eventually 30 routes_are $N || { routes; tail "$T/left.err"; return 1; }
	echo "# $add us of the main thread to add an SA with a route, $gone us to remove it; $delay us of the packet thread; idle: $idle" >&3
	# The paths of all of them are looked at, some at a time.
	left ip link set eth0 mtu 1300
	eventually 30 grep -q 'MTU of vpn0 is 12' "$T/left.err"
	# 8 ms when all routes were looked at.
	[[ $SAPIPE_BUILD == *san* ]] || [ $add -lt 1500 ]
	[[ $SAPIPE_BUILD == *san* ]] || [ $gone -lt 1500 ]
	# The packets of other SAs do not wait for it.
	[[ $SAPIPE_BUILD == *san* ]] || [ $delay -lt 50 ]
}

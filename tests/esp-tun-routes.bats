# esp-tun's routes between two namespaces: networks that the gateway excludes, and what a killed process leaves.
# shards: 2

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun

setup() { tun_setup; }
teardown() { tun_teardown; }

# outside: the right end also has 192.168.7.1 and 10.77.0.1, which the left one reaches by its default route, in clear.
outside() {
	right ip addr add 192.168.7.1/32 dev lo
	right ip addr add 10.77.0.1/32 dev lo
	right ip route add 10.1.0.0/24 via 203.0.113.1
	left ip route add default via 203.0.113.2
}

# excludes NETS [OPTION...]: $T/left.sa and right.sa, with an IKE SA whose mode config has these local-lan networks (JSON).
excludes() {
	local nets=$1
	shift
	sa_make ike --local 203.0.113.1:500 --remote 203.0.113.2:500 --set "config={\"local-lan\": $nets}" "$T/ike.sa" none
	make_pair aes128gcm16 none 4 4 "$@"
	cat "$T/ike.sa" "$T/left.sa" >"$T/all.sa"
	chmod 600 "$T/all.sa"
}

# up OPTION...: both ends.
up() {
	tun_start left "$@" "$T/all.sa"
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right || { cat "$T/left.err" "$T/right.err"; return 1; }
}

# in_tunnel ADDRESS, in_clear ADDRESS: an answered ping adds a packet to the SA's, or none.
packets() { counter left out packets; }
in_tunnel() {
	local had
	had=$(packets)
	left ping -q -c 1 -W 5 -I 10.1.0.1 "$1" && [ "$(packets)" = $((had + 1)) ] || { left ip rule; left ip route show table all; return 1; }
}
in_clear() {
	local had
	had=$(packets)
	left ping -q -c 1 -W 5 -I 10.1.0.1 "$1" && [ "$(packets)" = "$had" ] || { left ip rule; left ip route show table all; return 1; }
}

# slay NAME: by SIGKILL.
slay() {
	kill -9 "${BG[$1]}"
	wait "${BG[$1]}" 2>/dev/null || :
	unset "BG[$1]"
}
rules() { left ip rule; left ip -6 rule; }
tunnel_rules() { rules | grep -c '^520'; }
clean() {
	run ! grep '^520' <(rules)
	run ! grep -E 'throw|vpn0' <(left ip route show table all; left ip -6 route show table all)
}

@test "routes: networks that the gateway excludes bypass a tunnel of the whole internet" {
	outside
	excludes '["192.168.7.0/24", "0.0.0.0/32", "0.0.0.0/0"]' --remote-ts 0.0.0.0/0
	up
	grep -q "packets to 192.168.7.0/24 bypass vpn0: the gateway excludes these networks" "$T/left.err"
	in_clear 192.168.7.1
	in_tunnel 10.2.0.1
	in_tunnel 10.77.0.1
	left ping -q -c 1 -W 5 203.0.113.2
	stop_background
	clean
	# Not where the user says so.
	up --no-local-lan
	in_tunnel 192.168.7.1
	stop_background
	clean
}

@test "routes: networks that the gateway excludes from a wider network bypass it, IPv4 and IPv6" {
	outside
	excludes '["10.77.0.0/16", "10.2.0.0/16", "10.0.0.0/8"]' --local-ts 10.1.0.0/24 --remote-ts 10.0.0.0/8 --remote-ts 10.2.0.0/24
	up
	in_clear 10.77.0.1
	# A network of its own is narrower than what is excluded.
	in_tunnel 10.2.0.1
	stop_background
	clean
	right ip addr add 2001:db8:77::1/128 dev lo nodad
	right ip -6 route add 2001:db8:1::/64 via 2001:db8:ff::1
	left ip -6 route add default via 2001:db8:ff::2
	excludes '["2001:db8:77::/48"]' --local-ts 2001:db8:1::/64 --remote-ts 2001:db8::/32
	up
	left ping -q -c 1 -W 5 -I 2001:db8:1::1 2001:db8:2::1
	left ping -q -c 1 -W 5 -I 2001:db8:1::1 2001:db8:77::1
	[ "$(packets)" = 1 ]
	stop_background
	clean
}

@test "routes: --block-on-exit keeps the excluded networks reachable, and blocks the others" {
	outside
	excludes '["192.168.7.0/24"]' --remote-ts 0.0.0.0/0
	up --block-on-exit
	in_clear 192.168.7.1
	in_tunnel 10.77.0.1
	slay left
	left ping -q -c 1 -W 5 -I 10.1.0.1 192.168.7.1
	run ! left ping -q -c 1 -W 1 -I 10.1.0.1 10.77.0.1
	up --block-on-exit
	in_clear 192.168.7.1
	in_tunnel 10.77.0.1
}

@test "routes: what a killed esp-tun leaves the next one removes: rules, rules of ports, holes; not those of another" {
	outside
	sa_make child --esp aes128gcm16 --mode transport --local 203.0.113.1 --remote 203.0.113.2 --local-ts 203.0.113.1/32,17,1701 \
		--remote-ts 203.0.113.2/32,17,1701 "$T/l2tp.sa" none
	excludes '["192.168.7.0/24"]' --remote-ts 0.0.0.0/0
	# One that lives, of another device.
	make_pair aes128gcm16 none 4 4 --remote-ts 0.0.0.0/0 --remote 203.0.113.9
	background other ip netns exec "$L" esp-tun --tun vpn1 --state-dir "$T/other.state" "$T/left.sa"
	eventually 15 grep -q "vpn1 is up" "$T/other.err" || { cat "$T/other.err"; return 1; }
	other=$(rules | grep '^520')
	excludes '["192.168.7.0/24"]' --remote-ts 0.0.0.0/0
	tun_start left "$T/all.sa" "$T/l2tp.sa"
	eventually 15 tun_is_up left
	eventually 15 eval 'rules | grep -q "ipproto udp sport 1701"' || { rules; cat "$T/left.err"; return 1; }
	left ip route show table all | grep -q '^throw 192.168.7.0/24'
	slay left
	rules | grep -q "ipproto udp sport 1701"
	left ip route show table all | grep -q '^throw 192.168.7.0/24'
	make_pair aes128gcm16
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up left
	[ "$(rules | grep '^520')" = "$other" ] || { rules; echo "before: $other"; return 1; }
	run ! grep throw <(left ip route show table all)
	stop_background
	clean
	# On a device that stays.
	left ip tuntap add vpn0 mode tun
	tun_start left "$T/all.sa" "$T/l2tp.sa"
	eventually 15 eval 'rules | grep -q "ipproto udp sport 1701"'
	slay left
	[ "$(tunnel_rules)" = 3 ] || { rules; return 1; }
	make_pair aes128gcm16
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up left
	run ! grep '^520' <(rules)
	run ! grep throw <(left ip route show table all)
}

# static: the routes over the device, in any table.
static() { left ip route show table all dev vpn0 proto static | awk '{ print $1 }' | sort | tr '\n' ' '; }
static_is() { [ "$(static)" = "$1" ]; }

@test "routes: each SA brings its own and takes them away, unless another one wants them; one to a peer gets its rule" {
	local i
	for i in 1 2 3 4; do
		sa_make child --esp aes128gcm16 --encap udp --local 203.0.113.1:4500 --remote "198.51.100.$i:4500" --local-ts 10.1.0.0/24 \
			--remote-ts "$([ $i = 4 ] && echo 198.51.100.0/24 || echo 10.$((i == 2 ? 5 : 6)).0.0/16)" --spi-in $((4096 + i)) "$T/$i.sa"
		sa_make delete --spi-in $((4096 + i)) "$T/$i.del"
	done
	left ip route add default via 203.0.113.2
	mkfifo "$T/lf"
	tun_start left "$T/lf"
	exec 6>"$T/lf"
	for i in 1 2 3; do
		cat "$T/$i.sa" >&6
		eventually 10 eval '[ "$(grep -c "is in use" "$T/left.err")" = $i ]'
	done
	eventually 5 static_is '10.5.0.0/16 10.6.0.0/16 ' || { static; return 1; }
	# Two have the same.
	cat "$T/1.del" >&6
	cat "$T/2.del" >&6
	eventually 5 static_is '10.6.0.0/16 ' || { static; return 1; }
	# A route to the network of the peers, of which there are two: its packets go around it.
	cat "$T/4.sa" >&6
	eventually 5 static_is '10.6.0.0/16 198.51.100.0/24 ' || { static; return 1; }
	left ip rule | grep -q 'not from all fwmark'
	left ip route get 198.51.100.3 mark 0x727473 | grep -q 'dev eth0'
	cat "$T/3.del" >&6
	eventually 5 static_is '198.51.100.0/24 ' || { static; return 1; }
	# With the first peer again, which the route leads to.
	cat "$T/1.sa" >&6
	eventually 5 static_is '10.6.0.0/16 198.51.100.0/24 ' || { static; return 1; }
	left ip route get 198.51.100.1 mark 0x727473 | grep -q 'dev eth0'
	cat "$T/4.del" >&6
	eventually 5 static_is '10.6.0.0/16 ' || { static; return 1; }
	exec 6>&-
}

#!/usr/bin/env bats
# SIGHUP: a responder reads its file of peers again while SAs live on.
# shards: 3
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

# Peers in left, each with an address of its own: one.example 203.0.113.1 10.1.0.0/24 vpn1, two.example 203.0.113.11 10.1.1.0/24 ...
setup() {
	two_setup
	for i in 1 2 3; do
		ip -n "$L" addr add "203.0.113.1$i/24" dev eth0
		ip -n "$L" addr add "10.1.$i.1/24" dev lo
	done
	for i in one two three four; do printf '%s-secret\n' "$i" >"$i.psk"; done
	defaults >peers.ini
	for i in one two three; do section "$i" >>peers.ini; done
}

teardown() { two_teardown; }

defaults() {
	cat <<-END
		[defaults]
		ike = ${FAST[1]}
		esp = ${FAST[3]}
		local-id = right.example
		local-ts = 10.2.0.0/24

	END
}

declare -A ADDRESS=([one]=203.0.113.1 [two]=203.0.113.11 [three]=203.0.113.12 [four]=203.0.113.13)
declare -A NET=([one]=10.1.0 [two]=10.1.1 [three]=10.1.2 [four]=10.1.3)
declare -A TUN=([one]=vpn1 [two]=vpn2 [three]=vpn3 [four]=vpn4)

# section NAME [LINE]...
section() {
	printf '%s\n' "[$1]" "address = ${ADDRESS[$1]}" "remote-id = $1.example" "psk-file = $1.psk" "remote-ts = ${NET[$1]}.0/24" "${@:2}" ''
}

gateway() {
	two_start right right "ike-respond --peers peers.ini 2>right.ike | tee right.sa |
		esp-tun --tun vpn0 --state-dir right.state"
	eventually 20 listens || { cat right.ike right.log; return 1; }
}

# client NAME [OPTION]...: by its pre-shared key, or by these options.
client() {
	local tun=${TUN[$1]} net=${NET[$1]} proof=("${@:2}")
	[ $# -gt 1 ] || proof=(--psk-file "$1.psk")
	two_start "$1" left "ike-initiate -v --keep --local ${ADDRESS[$1]} $(words "${proof[@]}") --local-id $1.example \
		--remote-id right.example --local-ts $net.0/24 --remote-ts 10.2.0.0/24 $(words "${FAST[@]}") $PEER 2>$1.ike |
		tee $1.sa | esp-tun --tun $tun --no-route --state-dir $1.state"
	eventually 30 is_up "$tun" || { cat "$1.ike" "$1.log" right.ike; return 1; }
	left ip route replace 10.2.0.0/24 dev "$tun" src "$net.1" table "${tun#vpn}1"
	left ip rule add from "$net.1" table "${tun#vpn}1"
	eventually 20 reaches "$1" || { cat "$1.ike" "$1.log" right.ike; return 1; }
}
is_up() { [ -n "$(left ip -o link show "$1" up 2>/dev/null)" ]; }
reaches() { left ping -q -c 1 -W 1 -I "${NET[$1]}.1" 10.2.0.1 >/dev/null 2>&1; }

# stream NAME: pings in the background until lost(), which looks at their numbers.
stream() { background "ping$1" ip netns exec "$L" ping -i 0.05 -w 600 -I "${NET[$1]}.1" 10.2.0.1; }
# lost NAME: which of the pings got no answer, up to the 30th that was answered from now on.
lost() {
	local last
	last=$(($(sed -n 's/.*icmp_seq=\([0-9]*\) .*/\1/p' "$T/ping$1.out" | tail -n 1) + 30))
	eventually 10 grep -q "icmp_seq=$last " "$T/ping$1.out" || { tail -n 3 "$T/ping$1.out"; return 1; }
	kill -INT "${BG[ping$1]}"
	sed -n 's/.*icmp_seq=\([0-9]*\) .*time=.*/\1/p' "$T/ping$1.out" | awk -v last=$last '{ had[$1] = 1 }
		END { for (i = 1; i <= last; i++) if (!(i in had)) { print i " of " last; n++ }; if (!n) print "none" }'
}

# reload LINE: sends SIGHUP and waits for the line.
reload() {
	kill -HUP "$(pid_of right ike-respond)"
	eventually 20 grep -q "$1" right.ike || { cat right.ike; return 1; }
}

@test "reload: one peer added, one secret changed, one removed, under traffic; the untouched peer loses no packet" {
	gateway
	for i in one two three; do client "$i"; done
	for i in one two three; do stream "$i"; done
	sleep 1
	printf 'another-secret\n' >two.psk
	{ defaults; section one; section two; section four; } >peers.ini
	reload 'peers reloaded'
	eventually 5 grep -q '\[two\] changed (psk-file): 1 IKE SA and 1 child SA deleted' right.ike
	eventually 5 grep -q '\[three\] is removed: 1 IKE SA and 1 child SA deleted' right.ike
	eventually 5 grep -q '\[four\] is added' right.ike
	grep -q '1 added, 1 changed, 1 removed, 1 unchanged' right.ike
	run ! grep -q '\[one\]' right.ike
	# the peers got deletes
	eventually 10 grep -q 'deleted by the peer' two.ike
	eventually 10 grep -q 'deleted by the peer' three.ike
	run ! grep -q 'deleted by the peer' one.ike
	# a peer that is removed, or has the old secret, is rejected
	run ! reaches two
	run ! reaches three
	[ "$(lost one)" = none ]
	# the file names two more: one with a new secret, and a new peer; both are accepted
	two_stop two 10
	client two
	client four
}

@test "reload: a file with mistakes changes nothing and names each; values that change later things keep the SAs; others do not" {
	gateway
	client one
	client two
	# two mistakes, and a missing secret
	{ defaults; section one 'ike = nonsense' 'dpd-interval = soon'; section two; section four; } >peers.ini
	rm four.psk
	stream one
	reload 'is not reloaded'
	grep -q "peers.ini:12.*nonsense" right.ike
	grep -q "peers.ini:13.*soon" right.ike
	grep -q 'four.psk: cannot open' right.ike
	[ "$(lost one)" = none ]
	eventually 5 reaches two
	# lifetimes and DPD apply to later negotiations
	{ defaults; section one 'ike-lifetime = 1h' 'dpd-interval = 5'; section two; section three; } >peers.ini
	stream one
	reload 'peers reloaded'
	grep -q '\[one\] changed (ike-lifetime, dpd-interval): its SAs stay' right.ike
	[ "$(lost one)" = none ]
	# SAs stay if the new proposals contain the negotiated one, and are deleted otherwise
	{ defaults; section one "esp = aes256-sha256, ${FAST[3]}"; section two 'esp = aes256-sha256'; section three; } >peers.ini
	stream one
	: >right.ike
	reload 'peers reloaded'
	grep -q '\[one\] changed (.*esp.*): its SAs stay' right.ike
	grep -q '\[two\] changed (esp): 0 IKE SAs and 1 child SA deleted, the others stay' right.ike
	[ "$(lost one)" = none ]
	run ! reaches two
	# the file itself cannot be read
	mv peers.ini away.ini
	: >right.ike
	reload 'is not reloaded'
	grep -q 'peers.ini: cannot open' right.ike
	eventually 5 reaches one
}

@test "reload: the process behind it opens nothing that the file does not name, and ends with the tool" {
	gateway
	local tool helper
	tool=$(pid_of right ike-respond)
	helper=$(pgrep -P "$tool" | head -n 1)
	# soon after the ports are open it has one capability, a system call filter, and no file or socket except the pair
	eventually 5 grep -q '^CapEff:	0000000000000004$' "/proc/$helper/status"
	[[ $SAPIPE_BUILD == *san* ]] || eventually 5 grep -q '^Seccomp:	2$' "/proc/$helper/status"	# the sanitizers allow no filter
	eventually 5 grep -q '^NoNewPrivs:	1$' "/proc/$helper/status"
	eventually 5 eval '[ "$(find "/proc/$helper/fd" -lname "socket:*" | wc -l)" -eq 1 ]'
	two_stop right
	[ ! -e "/proc/$helper" ] || eventually 5 is_gone "$helper"
}
is_gone() { [ ! -e "/proc/$1" ] || grep -q '^State:	Z' "/proc/$1/status"; }

@test "reload: an initiator reads its section again, keeps its SAs or negotiates them again, and goes on after mistakes" {
	gateway
	section one >left.ini
	sed -i "1a role = initiator\nlocal-id = one.example\nlocal-ts = 10.1.0.0/24\nike = ${FAST[1]}\nesp = ${FAST[3]}" left.ini
	sed -i 's/^address = .*/address = 203.0.113.2/; s/^remote-id = .*/remote-id = right.example/; s/^remote-ts = .*/remote-ts = 10.2.0.0\/24/' left.ini
	two_start one left 'ike-initiate -v --keep --peers left.ini one 2>one.ike | tee one.sa |
		esp-tun --tun vpn1 --no-route --state-dir one.state'
	eventually 30 is_up vpn1 || { cat one.ike right.ike; return 1; }
	left ip route replace 10.2.0.0/24 dev vpn1 src 10.1.0.1
	eventually 20 reaches one
	local pid
	pid=$(pid_of one ike-initiate)
	kill -HUP "$pid"
	eventually 10 grep -q '\[one\] is unchanged' one.ike
	eventually 5 reaches one
	echo 'esp = nonsense' >>left.ini
	kill -HUP "$pid"
	eventually 10 grep -q 'left.ini is not reloaded' one.ike
	eventually 5 reaches one
	# SAs stay when a lifetime changes
	sed -i '$d' left.ini
	echo 'esp-lifetime = 20m' >>left.ini
	stream one
	kill -HUP "$pid"
	eventually 10 grep -q '\[one\] changed (esp-lifetime): its SAs stay' one.ike
	[ "$(lost one)" = none ]
	[ "$(grep -c 'child SA .* established' one.ike)" = 1 ]
	# SAs are deleted when the secret changes: first at this end, then at the other
	printf 'another-secret\n' >one.psk
	kill -HUP "$pid"
	eventually 10 grep -q '\[one\] changed (psk-file): 1 IKE SA and 1 child SA deleted' one.ike
	reload 'changed (psk-file)'
	eventually 60 reaches one || { cat one.ike right.ike; return 1; }
	two_stop one
}

@test "reload: secrets from the environment and from a descriptor stay what they were, and count for new SAs" {
	{
		defaults
		section one | sed 's/^psk-file = .*/psk-file = env:ONE/'
		section two | sed 's/^psk-file = .*/psk-file = fd:9/'
	} >peers.ini
	ONE=one-secret two_start right right "ike-respond --peers peers.ini 2>right.ike 9<two.psk | tee right.sa |
		esp-tun --tun vpn0 --state-dir right.state"
	eventually 20 listens || { cat right.ike right.log; return 1; }
	client one
	stream one
	section three >>peers.ini
	reload 'peers reloaded'
	grep -q '1 added, 0 changed, 0 removed, 2 unchanged' right.ike || { cat right.ike; return 1; }
	client two
	client three
	[ "$(lost one)" = none ]
	# another one is another secret
	printf 'other-secret\n' >other.psk
	sed -i 's/env:ONE/other.psk/' peers.ini
	reload '1 changed'
	grep -q '\[one\] changed (psk-file): 1 IKE SA and 1 child SA deleted' right.ike
	# and back
	sed -i 's/other.psk/env:ONE/' peers.ini
	: >right.ike
	reload '1 changed'
	two_stop one 10
	client one
}

# crl: of the authority, with what it has revoked.
crl() { openssl ca -config ca.conf -gencrl -keyfile ca.key -cert ca.pem -out all.crl 2>/dev/null; }

@test "reload: a new revocation list ends the SAs of the peer that it revokes, by its name, and of no other" {
	local i
	command -v openssl >/dev/null || skip "no openssl (make deps)"
	printf '%s\n' '[ca]' 'default_ca = d' '[d]' 'database = index.txt' 'default_md = sha256' 'default_crl_days = 30' >ca.conf
	: >index.txt
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 30 2>/dev/null
	for i in one two right; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$i.key" -out "$i.csr" -subj "/CN=$i.example" 2>/dev/null
		openssl x509 -req -in "$i.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -out "$i.pem" -days 30 \
			-extfile <(echo "subjectAltName = DNS:$i.example") 2>/dev/null
	done
	crl
	{ defaults; section one; section two; } | sed '/^psk-file/d; /^local-id/a\
auth = ecdsa\
cert = right.pem\
key = right.key\
ca = ca.pem\
crl = all.crl' >peers.ini
	gateway
	for i in one two; do client "$i" --auth ecdsa --cert "$i.pem" --key "$i.key" --ca ca.pem; done
	stream one
	# a list that revokes nobody: all stay
	crl
	reload '2 changed'
	eventually 5 grep -q '\[two\] changed (crl): its SAs stay' right.ike
	openssl ca -config ca.conf -revoke two.pem -keyfile ca.key -cert ca.pem 2>/dev/null
	crl
	: >right.ike
	reload '2 changed'
	grep -q '^ike-respond: two at 203.0.113.11:500: its SAs are deleted: CERT payload: "CN=two.example", serial number [0-9A-Fa-f:]*, was revoked at ' right.ike ||
		{ cat right.ike; return 1; }
	grep -q '\[two\] changed (crl): 1 IKE SA and 1 child SA deleted' right.ike
	run ! grep -q 'one.*revoked' right.ike
	eventually 10 grep -q 'deleted by the peer' two.ike
	run ! reaches two
	[ "$(lost one)" = none ]
	run ! grep -q 'deleted by the peer' one.ike
}

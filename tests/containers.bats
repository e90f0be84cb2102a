# As in a container, or as a user: tools with few capabilities, and what they say where one is missing.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup; }
teardown() {
	two_teardown
	case ${U-} in /tmp/containers.*) rm -rf "$U" ;; esac
}

# flag NAME: the values of that option of docker in the example of sapipe(7).
flag() { sed -n '/^docker run/,/^\.Ed/p' "$SAPIPE_TOP/man/sapipe.7" | grep -oE -- "--$1 [^ ]+" | cut -d ' ' -f 2; }

# container NAME left|right COMMAND: starts it as a container runtime does by the example, with a network namespace, all
# capabilities of root but these gone, and no_new_privs.
container() {
	local ns=$L caps
	[ "$2" = left ] || ns=$R
	caps=$(flag cap-add | tr '[:upper:]' '[:lower:]' | sed 's/^/,+/' | tr -d '\n')
	[ "$(flag cap-drop)" = ALL ]
	[ "$(flag security-opt)" = no-new-privileges ]
	[ "$(flag device)" = /dev/net/tun ]
	ip netns exec "$ns" sysctl -qw "$(flag sysctl)"
	two_start "$1" "$2" "exec setpriv --bounding-set -all$caps --inh-caps=-all --no-new-privs $3"
}

# limits NAME TOOL: uid, capabilities and seccomp of that tool, in the order of /proc/PID/status.
limits() { awk '/^(Uid|CapPrm|CapEff|CapInh|CapAmb|Seccomp):/ { printf "%s%s ", $1, $2 }' "/proc/$(pid_of "$1" "$2")/status"; }

@test "a container with two capabilities: sapipe run as sapipe(7) says, on both ends" {
	local zero=0000000000000000
	[ "$(flag cap-add | wc -l)" -eq 2 ]
	mkdir left.d right.d
	cp gw.psk left.d
	cp gw.psk right.d
	printf '[berne]\nrole = initiator\naddress = 203.0.113.2\npsk-file = gw.psk\nlocal-ts = 10.1.0.0/24\nremote-ts = 10.2.0.0/24\ntun = vpn0\n' \
		>left.d/berne.conf
	printf '[zurich]\nrole = responder\naddress = 203.0.113.1\npsk-file = gw.psk\nlocal-ts = 10.2.0.0/24\nremote-ts = 10.1.0.0/24\ntun = vpn0\n' \
		>right.d/zurich.conf
	container right right "env SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/right.d sapipe run zurich"
	eventually 20 listens || { cat right.log; return 1; }
	container left left "env SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/left.d sapipe run berne"
	# ESP, not in UDP: there is no NAT
	eventually 40 left ping -q -c 1 -W 1 -I 10.1.0.1 10.2.0.1 >/dev/null || { cat left.log right.log; return 1; }
	right ping -q -c 1 -W 20 -I 10.2.0.1 10.1.0.1
	# Root without CAP_SETUID stays root; nothing is left to it but routes.
	[[ $SAPIPE_BUILD == *san* ]] || [ "$(limits left ike-initiate)" = "Uid:0 CapInh:$zero CapPrm:$zero CapEff:$zero CapAmb:$zero Seccomp:2 " ]
	[[ $SAPIPE_BUILD == *san* ]] || [ "$(limits right ike-respond)" = "Uid:0 CapInh:$zero CapPrm:$zero CapEff:$zero CapAmb:$zero Seccomp:2 " ]
	[[ $(limits left esp-tun) == *"CapEff:000000000000"[01]"000 "* ]]
	two_stop left 10
	two_stop right 10
	run -3 --separate-stderr left setpriv --bounding-set -all --inh-caps=-all \
		ike-initiate --user daemon --psk-file gw.psk 203.0.113.2 -o none
	stderr_has 'to become user daemon, root needs CAP_SETUID and CAP_SETGID'
}

# lacking CAPABILITY COMMAND...: root in left with all capabilities but that.
lacking() {
	local cap=$1
	shift
	run -3 --separate-stderr left setpriv --bounding-set "-$cap" --inh-caps=-all "$@"
	one_error
	stderr_has "CAP_${cap^^}"
	stderr_has "setcap cap_$cap+ep"
	stderr_has "AmbientCapabilities=CAP_${cap^^}"
}

@test "a missing capability is named, with setcap and the unit besides root" {
	make_pair aes128gcm16 none
	lacking net_admin esp-tun --tun vpn0 --state-dir left.state left.sa
	lacking net_raw esp-tun --tun vpn0 --state-dir left.state left.sa
	left sysctl -qw net.ipv4.ip_unprivileged_port_start=1024
	lacking net_bind_service ike-respond --psk-file gw.psk -o none
	lacking net_raw vpnmon --tun lo 10.2.0.1
}

@test "setcap as the hints say: a user who is not root runs the tunnel" {
	local id=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all) d
	# where that user can go
	U=$(mktemp -d /tmp/containers.XXXXXX)
	chmod 755 "$U"
	for d in esp-tun ike-initiate; do install -m 755 "$SAPIPE_BUILD/$d" "$U"; done
	setcap cap_net_admin,cap_net_raw+ep "$U/esp-tun" || skip "no file capabilities here"
	setcap cap_net_bind_service+ep "$U/ike-initiate"
	install -m 600 -o 65534 gw.psk "$U/gw.psk"
	install -d -m 700 -o 65534 "$U/state"
	answer "${STEN4[@]}"
	two_start left left "cd $U && exec ${id[*]} sh -c './ike-initiate --keep --psk-file gw.psk --local-id left.example \
		--remote-id right.example $(words "${FAST[@]}" "${NETS4[@]}") $PEER | ./esp-tun --tun vpn0 --state-dir state'"
	eventually 40 left ping -q -c 1 -W 1 -I 10.1.0.1 10.2.0.1 >/dev/null || { cat left.log right.log; return 1; }
	[[ $(limits left esp-tun) == Uid:65534* ]]
	two_stop left 10
}

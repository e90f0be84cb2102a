# Part of sapipe: check, print and log.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

check() {
	read_conf || return
	say "$conf: no mistakes"
	[ -z "$peer" ] || ask_peers
}

# Negotiates with each peer, and deletes the SAs at once.
ask_peers() {
	worst=0
	printf '%s\n' "$sections" | cut -f 2 | grep -qx initiator || say "$conf has no initiator: there is no peer to ask"
	while IFS=$tab read -r section role address _; do
		[ "$role" = initiator ] || continue
		if ike-initiate --look --timeout 10 --peers "$conf" "$section" </dev/null >/dev/null; then
			say "$section: $address accepts it"
			continue
		else
			rc=$?
		fi
		[ "$rc" -le "$worst" ] || worst=$rc
	done <<-END
		$sections
	END
	return $worst
}

# print: the pipelines, for a shell. up adds --ready-fd, to know when the tunnel carries traffic.
print() {
	read_conf || return
	put "$(pipelines | while IFS=$tab read -r _ _ ike tun nhrp gre _; do
		if [ "$tun" = - ]; then
			printf '%s\n' "$ike"
		elif [ "$nhrp" = - ]; then
			printf '%s | %s\n' "$ike" "$tun"
		else
			printf '%s | %s | %s | %s\n' "$nhrp" "$ike" "$tun" "$gre"
		fi
	done)"
}

log() {
	if [ ! -e "$at/log" ]; then
		wants_conf
		fail 1 "$name has no log: it was not started" "sapipe up $name; of a service: journalctl -u sapipe@$name"
	fi
	if [ -n "$follow" ]; then
		tail -n +1 -F "$at/log" &
		trap 'kill $!' INT TERM HUP
		wait $!
	else
		cat "$at/log"
	fi
	rc=$?
	# by SIGPIPE
	[ $rc != 141 ] || unwritten
	return $rc
}

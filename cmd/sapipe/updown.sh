# Part of sapipe: the commands that start and stop tunnels.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

up() {
	read_conf || return
	lock
	lines=$(pipelines)
	# What runs and is not in the file any more.
	for id in $(ids); do
		printf '%s\n' "$lines" | grep -q "^$id$tab" || stop "$id"
	done
	running=1
	for id in $(printf '%s\n' "$lines" | cut -f 1); do
		is_up "$id" || running=''
	done
	[ -z "$running" ] || { say "$name is up already"; return 0; }
	[ ! -e "$at/log" ] || mv -f "$at/log" "$at/log.1"
	: >"$at/log"
	trap 'stop_all; exit 1' INT TERM HUP
	worst=0
	exec 7<<-END
		$lines
	END
	while IFS=$tab read -r id role ike tun <&7; do
		is_up "$id" && continue
		stop "$id"
		start "$id" "$role" "$ike" "$tun" && continue
		rc=$?
		[ "$rc" -le "$worst" ] || worst=$rc
		stop "$id"
	done
	exec 7<&-
	trap - INT TERM HUP
	if [ "$worst" != 0 ]; then
		show_log
		complain "$name is not up"
		return "$worst"
	fi
	[ "$level" -lt 1 ] || show_log
	say "$name is up"
}

down() {
	if [ ! -d "$at" ]; then
		[ -e "$conf" ] || wants_conf
		say "$name is down"
		return 0
	fi
	lock
	stop_all
	say "$name is down"
}

restart() {
	read_conf || return
	(down >/dev/null) && up
}

# reload: the negotiators that run read their sections again.
reload() {
	read_conf || return
	lock
	found=''
	for id in $(pipelines | cut -f 1); do
		alive "$at/$id.ike" && kill -HUP "$pid" && found=1
	done
	[ -n "$found" ] || fail 1 "$name is down"
	say "$name is reloaded"
}

# run: becomes the tool that says when the tunnel is ready, the other one runs beside it: a service manager ends both.
run() {
	read_conf || return
	lines=$(pipelines)
	[ "$(printf '%s\n' "$lines" | wc -l)" -eq 1 ] ||
		fail 2 "$conf has more than one pipeline" 'run wants one: give each initiator a file of its own'
	lock
	stop_all
	IFS=$tab read -r id role ike tun <<-END
		$lines
	END
	mkfifo "$at/$id.records" || fail 3 "cannot make $at/$id.records"
	tun="$tun --end-with-input"
	: >"$at/$id.up"
	if [ "$role" = initiator ]; then
		(unset NOTIFY_SOCKET && exec sh "$self" .tool "$at/$id.ike" "$ike >$(quote "$at/$id.records")" 8>&-) &
		tool "$at/$id.tun" "$tun <$(quote "$at/$id.records") 8>&-"
	else
		(unset NOTIFY_SOCKET && exec sh "$self" .tool "$at/$id.tun" "$tun <$(quote "$at/$id.records")" 8>&-) &
		tool "$at/$id.ike" "$ike >$(quote "$at/$id.records") 8>&-"
	fi
}

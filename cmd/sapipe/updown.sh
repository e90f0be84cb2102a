# Part of sapipe: the commands that start and stop tunnels.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

up() {
	read_conf || return
	lock
	start_tunnel
}

# start_tunnel: under the lock, what does not run of the file that was read.
start_tunnel() {
	lines=$(timed; pipelines)
	# What runs and is not in the file any more.
	for id in $(ids); do
		printf '%s\n' "$lines" | grep -q "^$id$tab" || stop "$id"
	done
	all=1 some=''
	for id in $(printf '%s\n' "$lines" | cut -f 1); do
		if is_up "$id"; then some=1; else all=''; fi
	done
	[ -z "$all" ] || { say "$name is up already"; return 0; }
	# The log of what runs goes on.
	if [ -z "$some" ]; then
		[ ! -e "$at/log" ] || mv -f "$at/log" "$at/log.1"
		# What the tools would say of a full disk, they say there.
		why=$( (env printf '\n' >"$at/log") 2>&1) || fail 3 "cannot write to $at/log: $(reason "$why")" "df $at shows what is free"
		: >"$at/log"
	fi
	exec 6>>"$at/log"
	trap 'stop_all; exit 1' INT TERM HUP
	worst=0
	start_all
	trap - INT TERM HUP
	if [ "$worst" != 0 ]; then
		show_log
		complain "$name is not up"
		return "$worst"
	fi
	[ "$level" -lt 1 ] || show_log
	[ -z "$failed" ] || complain "$name: not up:$failed" 'vpnmon starts it again, and again; sapipe log has the reason'
	say "$name is up"
}

# start_all: what does not run yet of $lines. Sets worst, and failed to the members of failover groups that are not up,
# while another one of the group is.
start_all() {
	failed=''
	exec 7<<-END
		$lines
	END
	while IFS=$tab read -r id role ike tun nhrp gre failover <&7; do
		is_up "$id" && continue
		[ "$role" != monitor ] || group_up "$failover" || continue
		stop "$id"
		start "$id" "$role" "$ike" "$tun" "$nhrp" "$gre" && continue
		rc=$?
		stop "$id"
		if [ "$failover" != - ] && [ "$role" != monitor ]; then
			failed="$failed $id" last=$rc
			continue
		fi
		[ "$rc" -le "$worst" ] || worst=$rc
	done
	exec 7<&-
	for group in $(groups); do
		group_up "$group" || worst=$last
	done
}

# group_up GROUP: a member of it runs.
group_up() {
	for member in $(printf '%s\n' "$lines" | awk -F '\t' -v group="$1" '$2 == "initiator" && $7 == group { print $1 }'); do
		is_up "$member" && return 0
	done
	return 1
}

# again MONITOR: for vpnmon, whose tunnel is down: starts what does not run. Not while another command has the lock, which may be
# down, nor after it.
again() {
	exec 8>"$at/lock"
	flock -n 8 && alive "$at/$1.ike" || return 0
	read_conf && lines=$([ -z "$logging" ] || timed; pipelines) || return
	worst=0
	start_all
	return "$worst"
}

down() {
	if [ ! -d "$at" ]; then
		[ -e "$conf" ] || wants_conf
		say "$name is down"
		return 0
	fi
	if ! is_shared && alive "$at/run" && end "$at/run" TERM 300; then
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

# running: the pipelines that run, whether they are in the file or not.
running() { for id in $(ids); do ! is_up "$id" || echo "$id"; done; }

# reload: the negotiators that run read their sections again.
reload() {
	read_conf || return
	lock
	found=''
	for id in $(pipelines | awk -F '\t' '$2 == "initiator" && $5 == "-" || $2 == "responder" { print $1 }'); do
		alive "$at/$id.ike" && kill -HUP "$pid" && found=1
	done
	for id in $(pipelines | awk -F '\t' '$5 != "-" { print $1 }'); do
		alive "$at/$id.ike" || continue
		complain "$name: the spoke [$id] reads its section at its start only" "sapipe restart $name"
		[ -n "$found" ] || return 1
	done
	[ -n "$found" ] || [ -z "$(running)" ] || fail 1 "$name: its sections have other names than what runs" "sapipe up $name stops that, and starts them"
	[ -n "$found" ] || fail 1 "$name is down"
	say "$name is reloaded"
}

# run: in the foreground, for a service manager.
run() {
	# A service manager starts again what ends with 3, and what cannot be read now cannot be read then.
	(may_read) || exit 2
	read_conf || { rc=$?; [ $rc != 3 ] || rc=2; return $rc; }
	lines=$(pipelines)
	lock
	if [ "$(printf '%s\n' "$lines" | wc -l)" -ne 1 ] || [ "$(printf '%s\n' "$lines" | cut -f 5)" != - ] || is_shared; then
		# systemd ignores messages of a child without NotifyAccess=all, and would wait for READY in vain.
		[ -z "${NOTIFY_SOCKET-}" ] || [ "${SAPIPE_NOTIFY-}" = all ] ||
			fail 2 "$name has more than two tools, which this unit is not for" \
				"systemctl enable --now sapipe-many@$name, or a unit with NotifyAccess=all and Environment=SAPIPE_NOTIFY=all"
		stop_all
		keep
	else
		stop_all
		become
	fi
}

# become: becomes the tool that says when the tunnel is ready, the other one runs beside it: a service manager ends both.
become() {
	IFS=$tab read -r id role ike tun nhrp _ <<-END
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

# keep: starts all pipelines, and stays. Ends with the status of one that ended, and stops the others.
keep() {
	notify=${NOTIFY_SOCKET-}
	# Half of the time after which the service manager ends what does not answer, in seconds.
	beat=$((${WATCHDOG_USEC:-0} / 2000000)) pause=1
	if [ "${WATCHDOG_USEC:-0}" -gt 0 ] && [ "$WATCHDOG_USEC" -lt 4000000 ]; then
		# Less than a second, with time for what this loop does.
		beat=1 pause=$(printf '0.%03d' $((WATCHDOG_USEC / 4000)))
	fi
	unset NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID
	mark "$at/run"
	: >"$at/log"
	exec 6>&2
	trap 'leave 0' INT TERM
	worst=0
	start_all
	[ "$worst" = 0 ] || leave "$worst"
	[ -z "$failed" ] || complain "$name: not up:$failed" 'vpnmon starts it again, and again'
	exec 8>&-
	trap 'hup=1' HUP
	hup='' said=0
	tell READY=1 "STATUS=up"
	while :; do
		[ -z "$hup" ] || { hup=''; (reload); }
		gone=$(first_ended) || leave_after "$gone"
		said=$((said + 1))
		if [ "$beat" -gt 0 ] && [ "$said" -ge "$beat" ]; then
			said=0
			tell WATCHDOG=1
		fi
		sleep "$pause" &
		wait $!
	done
}

# first_ended: the pipeline that ended, and was not started again by another command; fails with it. vpnmon starts members of
# failover groups.
first_ended() {
	for try in 1 2; do
		gone=''
		while IFS=$tab read -r id role _ _ _ _ failover; do
			[ "$failover" != - ] && [ "$role" != monitor ] || is_up "$id" || gone=$id
		done <<-END
			$lines
		END
		[ -n "$gone" ] || return 0
		[ $try = 2 ] || sleep 2
		# Whoever has it stops and starts them.
		exec 8>"$at/lock"
		flock 8
		exec 8>&-
	done
	echo "$gone"
	return 1
}

# leave_after ID: with the exit status of that pipeline. One that a signal ended has failed as well: it should run.
leave_after() {
	status=$(ended "$1")
	case $status in [1234]) ;; *) status=3 ;; esac
	leave "$status"
}

# leave STATUS: stops all, and ends.
leave() {
	trap '' INT TERM HUP
	tell STOPPING=1
	lock
	stop_all
	rm -f "$at/run"
	[ "$1" = 0 ] || complain "$name is not up"
	exit "$1"
}

# tell LINE...: to the service manager.
tell() {
	[ -n "$notify" ] || return 0
	NOTIFY_SOCKET=$notify systemd-notify "$@" 2>/dev/null 8>&- && return
	notify=''
	complain 'the service manager is not notified: systemd-notify fails' 'without it, a unit of Type=exec runs the tunnel'
}

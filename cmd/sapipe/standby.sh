# Part of sapipe: two gateways with one address. NAME.follow beside NAME.conf prints the records of the other gateway.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

# is_shared: the tunnel has such a file.
is_shared() { [ -f "$confs/$name.follow" ]; }

wants_shared() {
	wants_conf
	is_shared && [ -x "$confs/$name.follow" ] ||
		fail 2 "there is no command $confs/$name.follow" 'sapipe(8), TAKEOVER, describes it'
}

# follower FILES COMMAND: runs the command again whenever it ends; each run begins with a whole record.
follower() {
	mark "$1.follower"
	child=''
	trap 'kill "$child" 2>/dev/null; exit 0' INT TERM
	while :; do
		"$2" </dev/null >"$1.follow" &
		child=$!
		wait "$child"
		sleep 0.5 &
		child=$!
		wait "$child"
	done
}

# follow_start ID: for a pipeline that is about to start.
follow_start() {
	mkfifo "$at/$1.follow" || return 3
	setsid sh "$self" .follower "$at/$1" "$confs/$name.follow" 9>&- 8>&- 7<&- </dev/null >>"$at/log" 2>&1 &
}

# gateway TUNNEL: STATE FIT of one of two gateways that runs, as ike-respond says.
gateway() {
	sa-stat --ike "$runs/$1/@responder.ike.ctl" 2>/dev/null |
		sed -n 's/^{"type":"standby","state":"\([a-z]*\)","fit":\([a-z]*\)}$/\1 \2/p'
}

# standing TUNNEL: inactive (the records of the other gateway have not come), ready, active; nothing of another tunnel.
standing() {
	[ -f "$confs/$1.follow" ] && [ -e "$runs/$1/@responder.sa" ] || return 0
	if [ -e "$runs/$1/@responder.active" ]; then
		echo active
	else
		gateway "$1" | cut -d ' ' -f 1
	fi
}

# fit: ends with 0 if this gateway may be elected. keepalived asks often, so this is short.
fit() {
	wants_shared
	[ -d "$at" ] && is_up @responder || fail 1 "$name is down"
	[ ! -e "$at/@responder.active" ] || { say "$name is active"; return; }
	known=$(gateway "$name")
	[ "${known#* }" = true ] || fail 1 "$name has not got the records of the other gateway yet" "sapipe log $name"
	say "$name is ${known% *} and may take over"
}

takeover() {
	wants_shared
	# Without the lock: each moment counts.
	[ -d "$at" ] && is_up @responder || (level=-1 && up) || return
	alive "$at/@responder.ike" || fail 3 "$name ended before it could take over"
	kill -USR2 "$pid" || fail 3 "cannot signal process $pid"
	: >"$at/@responder.active"
	say "$name is active"
}

# standby: an active one forgets its SAs, and learns from the other gateway what there is now.
standby() {
	wants_shared
	if [ -e "$at/@responder.active" ] || ! { [ -d "$at" ] && is_up @responder; }; then
		(level=-1 && down && up) || return
	fi
	say "$name stands by"
}

# records: what the other gateway follows. Ends with the pipeline.
records() {
	wants_shared
	[ ! -t 1 ] || fail 2 'records have live keys: not written to a terminal' "the other gateway's NAME.follow reads them"
	[ -d "$at" ] && alive "$at/@responder.ike" || fail 1 "$name is down"
	exec tail --pid="$pid" -s 0.2 -c +1 -f "$at/@responder.sa"
}

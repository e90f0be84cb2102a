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
		sleep 1 &
		child=$!
		wait "$child"
	done
}

# follow_start ID: for a pipeline that is about to start.
follow_start() {
	mkfifo "$at/$1.follow" || return 3
	setsid sh "$self" .follower "$at/$1" "$confs/$name.follow" 9>&- 8>&- 7<&- </dev/null >>"$at/log" 2>&1 &
}

# gateway TUNNEL: sets state and fit of one of two gateways, as ike-respond wrote them down: nothing if it does not run.
gateway() {
	state='' fit=''
	! alive "$runs/$1/@responder.ike" || { read -r state fit <"$runs/$1/@responder.state"; } 2>/dev/null || :
}

# standing TUNNEL: inactive (the records of the other gateway have not come), ready, active; nothing of another tunnel.
standing() {
	[ -f "$confs/$1.follow" ] && [ -e "$runs/$1/@responder.share" ] || return 0
	if [ -e "$runs/$1/@responder.active" ]; then
		echo active
	else
		(gateway "$1" && echo "$state")
	fi
}

# fit: ends with 0 if this gateway may be elected. keepalived asks often, so this is short.
fit() {
	wants_shared
	[ -d "$at" ] && is_up @responder || fail 1 "$name is down"
	[ ! -e "$at/@responder.active" ] || { say "$name is active"; return; }
	gateway "$name"
	[ "$fit" = true ] || fail 1 "$name has not got the records of the other gateway yet" "sapipe log $name"
	say "$name is $state and may take over"
}

# want WORD: writes down what is asked for, active or standby. Calls of keepalived that follow one another run at the same time:
# the process that was started last decides. 1: a later one has.
want() {
	word=$1
	[ -d "$at" ] || make_dir "$name"
	read -r boot </proc/sys/kernel/random/boot_id
	read -r stat <"/proc/$$/stat"
	# shellcheck disable=SC2086 # into fields
	set -- ${stat##*) }
	shift 19
	asked
	case $when in
	"$boot "*) [ "${when#* }" -le "$1" ] || return ;;
	esac
	echo "$word $boot $1" >"$at/wanted"
}

# asked: sets what to the word of the last call, and when to its time.
asked() {
	what='' when=''
	[ ! -e "$at/wanted" ] || read -r what when <"$at/wanted" || :
}

takeover() {
	wants_shared
	want active || { say "$name: standby was called later"; return 0; }
	# Without the lock: each moment counts. Before a tool is ready, the signal would end it.
	[ -e "$at/@responder.up" ] && is_up @responder || (level=-1 && up) || return
	activate
	say "$name is active"
}

activate() {
	alive "$at/@responder.ike" || fail 3 "$name ended before it could take over"
	: >"$at/@responder.active"
	kill -USR2 "$pid" || { rm -f "$at/@responder.active"; fail 3 "cannot signal process $pid"; }
}

# standby: an active one forgets its SAs, and learns from the other gateway what there is now.
standby() {
	wants_shared
	want standby || { say "$name: takeover was called later"; return 0; }
	lock
	asked
	if ! is_up @responder || [ "$what" = standby ] && [ -e "$at/@responder.active" ]; then
		read_conf || return
		stop_all
		(level=-1 && start_tunnel) || return
		asked
	fi
	# A takeover that came meanwhile may have signalled the process that ended.
	if [ "$what" = active ]; then
		activate
		say "$name is active"
	else
		say "$name stands by"
	fi
}

# records: what the other gateway follows. Ends with the pipeline.
records() {
	wants_shared
	[ ! -t 1 ] || fail 2 'records have live keys: not written to a terminal' "the other gateway's NAME.follow reads them"
	[ -d "$at" ] && alive "$at/@responder.ike" || fail 1 "$name is down"
	exec sa-stat --records "$at/@responder.share"
}

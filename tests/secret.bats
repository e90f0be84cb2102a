#!/usr/bin/env bats
# Where secrets come from, as users meet it: a prompt, a pipe, the environment; and that none is seen.
# shellcheck disable=SC2016 # for the inner shell to expand
bats_require_minimum_version 1.5.0
load lib/common

setup() {
	need ike-initiate
	cd "$BATS_TEST_TMPDIR" || return 1
	printf 'hunter2\n' >psk
	chmod 600 psk
	# no process listens there: with a secret the answer is no (1), without one it is misuse (2)
	TRY=(ike-initiate --timeout 0.3 --linger 0 --local "127.0.0.1:$((20000 + RANDOM % 10000))"
		127.0.0.1:9 -o out.sa)
	export CMD="${TRY[*]}"
}

# at_terminal KEYS COMMAND...: runs it on a terminal of its own, where KEYS are typed at the prompt.
at_terminal() {
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/on_pty.py" shown 'pre-shared key: ' "$1" -- "${@:2}"
}

@test "without --psk-file the tool prompts on the terminal, without echo" {
	at_terminal 'hunter2\n' "${TRY[@]}"
	[ "$output" = $'pre-shared key: no echo\nexit 1, echo' ]
	run ! grep -q 'hunter2\|no pre-shared key' shown
}

@test "the terminal echoes again after an interrupted prompt" {
	at_terminal '\x03' "${TRY[@]}" --psk-file tty
	[ "$output" = $'pre-shared key: no echo\nexit -2, echo' ]
}

@test "no terminal and no --psk-file is exit 2 with a hint" {
	run -2 --separate-stderr setsid -w "${TRY[@]}" </dev/null
	one_error
	stderr_has "hint: --psk-file"
}

@test "a secret comes from a file, a pipe, a descriptor, a FIFO or the environment" {
	run -1 "${TRY[@]}" --psk-file psk
	run -1 "${TRY[@]}" --psk-file - <psk
	run -1 bash -c 'cat psk | $CMD --psk-file -'
	run -1 bash -c '$CMD --psk-file <(cat psk)'
	run -1 bash -c '$CMD --psk-file fd:9 9<psk'
	mkfifo fifo
	cat psk >fifo 3>&- &
	run -1 "${TRY[@]}" --psk-file fifo
	wait
	run -1 env PSK=hunter2 "${TRY[@]}" --psk-file env:PSK
}

@test "an invalid secret is exit 2; the error names its place, never its value" {
	local bad
	printf '\n' >empty
	head -c 9000 /dev/zero >long
	mkdir dir
	chmod 600 empty long
	for bad in absent empty long dir env:ABSENT fd:77 fd:x; do
		run -2 --separate-stderr "${TRY[@]}" --psk-file "$bad"
		one_error
		stderr_has "ike-initiate: $bad: "
	done
	run -2 --separate-stderr "${TRY[@]}" --psk-file psk --psk-format hex
	one_error
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr != *hunter2* ]]
	[ ! -e out.sa ]
}

@test "the environment variable of a secret is removed from /proc and from child processes" {
	# a peer that is silent, on the port that it prints
	python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(30)' >port 3>&- 4>&- &
	local mute=$! pid
	eventually 10 test -s port
	env PSK=hunter2 ike-initiate --timeout 20 --local 127.0.0.1:"$((20000 + RANDOM % 10000))" -vv \
		--psk-file env:PSK -o out.sa 127.0.0.1:"$(cat port)" 3>&- 4>&- 2>err &
	pid=$!
	eventually 10 grep -q "message 1" err
	# the process is not dumpable, so only root may look; whoever may, finds nothing
	if [ -r /proc/$pid/environ ]; then
		run ! grep -q hunter2 /proc/$pid/environ
	fi
	kill $mute
	kill $pid
	wait $pid || true
}

@test "wide modes are warned about, narrow ones not" {
	run -1 --separate-stderr "${TRY[@]}" --psk-file psk
	[[ $stderr != *warning* ]]
	chmod 640 psk
	run -1 --separate-stderr "${TRY[@]}" --psk-file psk
	stderr_has "warning: psk: other users can read its keys (mode 0640)"
}

# tests/run and lib/bats.bash, which judge every other test: what fails is counted as a failure, and bats agrees.

# shellcheck disable=SC2016 # the samples expand it
bats_require_minimum_version 1.5.0

load lib/common

# sample: a bats file of every kind of test, in $F. "TEST" is no test of this file.
sample() {
	F=$BATS_TEST_TMPDIR/sample.bats
	sed 's/^TEST/@test/' >"$F" <<-'BATS'
		bats_require_minimum_version 1.5.0
		setup_file() { export GIVEN=by-setup_file; }
		setup() { [[ $BATS_TEST_NAME$BATS_TEST_DESCRIPTION != *"setup fails"* ]]; }
		teardown() {
			echo "torn down"
			[ -z "${OPEN-}" ]
		}
		helper() {
			false
			echo "not reached"
		}
		both() { echo out; echo; echo more; echo err >&2; return 3; }
		TEST "passes" {
			[ "$GIVEN" = by-setup_file ]
			[ -d "$BATS_TEST_TMPDIR" ] && [ -d "$BATS_FILE_TMPDIR" ]
		}
		TEST "a command fails" {
			false
			true
		}
		TEST "a helper fails" {
			helper
			true
		}
		TEST "a condition fails" {
			[[ a == b ]]
			true
		}
		TEST "returns 1" {
			return 1
		}
		TEST "exits with 0 half way" {
			exit 0
		}
		TEST "setup fails" {
			true
		}
		TEST "teardown fails" {
			OPEN=1
		}
		TEST "skips" {
			skip "for a reason"
			false
		}
		TEST "run: the status is wrong" {
			run -0 both
		}
		TEST "run: a success is wrong" {
			run ! true
		}
		TEST "run: both streams" {
			run -3 both
			[ "$output" = $'out\n\nmore\nerr' ] && [ "${#lines[@]}" = 3 ] && [ "$status" = 3 ]
			run -3 --separate-stderr both
			[ "$output" = $'out\n\nmore' ] && [ "$stderr" = err ] && [ "${lines[1]}" = more ]
			run ! --separate-stderr both
			run both
			run -0 true
		}
		TEST "run: a helper runs to its end" {
			run -0 helper
			[ "${lines[0]}" = "not reached" ]
		}
		TEST "killed" {
			kill -KILL $BASHPID
		}
	BATS
}

# verdicts: the lines of TAP on standard input without their times.
verdicts() { grep -E '^(not )?ok ' | sed -E 's/ in [0-9]+ms//'; }

@test "run: failed tests are reported with line and output, beside those that pass" {
	sample
	run -1 "$SAPIPE_TOP/tests/lib/bats.bash" "$F"
	[ "${lines[0]}" = 1..14 ]
	[ "$(verdicts <<<"$output")" = "\
ok 1 passes
not ok 2 a command fails
not ok 3 a helper fails
not ok 4 a condition fails
not ok 5 returns 1
not ok 6 exits with 0 half way
not ok 7 setup fails
not ok 8 teardown fails
ok 9 skips # skip for a reason
not ok 10 run: the status is wrong
not ok 11 run: a success is wrong
ok 12 run: both streams
ok 13 run: a helper runs to its end
not ok 14 killed" ]
	output_has "# ($F, line $(grep -nA1 '"a command fails"' "$F" | sed -n 's/-.*//p'))"
	output_has "#   \`helper' failed"
	output_has "# torn down"
	output_has "exit status 3, expected 0"
	[[ $output != *"# not reached"* ]]
	[[ $output != *"ok 12"*$'\n'"# "*"ok 13"* ]]
}

@test "run: bats agrees" {
	command -v bats >/dev/null || skip "no bats"
	sample
	sed -i '/"killed"/,$d' "$F"
	run -1 bats --formatter tap "$F"
	bats=$output
	run -1 "$SAPIPE_TOP/tests/lib/bats.bash" "$F"
	diff <(verdicts <<<"$bats") <(verdicts <<<"$output")
}

@test "run: parts and names choose tests; a setup_file that fails is a failure" {
	sample
	run "$SAPIPE_TOP/tests/lib/bats.bash" -p 4/4 "$F"
	[ "$(verdicts <<<"$output")" = $'not ok 4 a condition fails\nnot ok 8 teardown fails\nok 12 run: both streams' ]
	run -0 "$SAPIPE_TOP/tests/lib/bats.bash" -n passes -n "run: both streams" "$F"
	[ "${lines[0]}" = 1..2 ]
	sed -i 's/^setup_file() {/& false;/' "$F"
	run -1 "$SAPIPE_TOP/tests/lib/bats.bash" "$F"
	output_has "not ok 1 setup_file"
}

@test "run: the last line counts all; a file that leaves out tests has failed" {
	sample
	# an outer run has told its own where things are
	run -1 env -u SAPIPE_TOP TEST_TIMES= "$SAPIPE_TOP/tests/run" "$F"
	[ "${lines[-1]}" = "3 passed, 10 failed, 1 skipped" ]
	output_has "FAIL $F"
	printf 'exit 0\n' | cat - "$F" >"$F.short.bats"
	run -1 "$SAPIPE_TOP/tests/run" "$F.short.bats"
	[ "${lines[-1]}" = "0 passed, 2 failed, 0 skipped" ]
	output_has "left out 13 tests"
	printf '#!/bin/sh\necho 1..2; echo ok 1 - a\n' >"$BATS_TEST_TMPDIR/unit"
	chmod +x "$BATS_TEST_TMPDIR/unit"
	run -1 "$SAPIPE_TOP/tests/run" "$BATS_TEST_TMPDIR/unit"
	[ "${lines[-1]}" = "1 passed, 1 failed, 0 skipped" ]
	output_has "left out 1 tests"
}

@test "run: a part that fails runs again alone where that is asked for, and both results are printed" {
	local once=$BATS_TEST_TMPDIR/once.bats never=$BATS_TEST_TMPDIR/never.bats i
	sed 's/^TEST/@test/' >"$once" <<-BATS
		TEST "passes the second time" {
			[ -e "$BATS_TEST_TMPDIR/been" ] || { touch "$BATS_TEST_TMPDIR/been"; echo "the first time"; false; }
		}
	BATS
	printf '@test "never passes" {\n\tfalse\n}\n' >"$never"
	run -1 env TESTS_AGAIN= "$SAPIPE_TOP/tests/run" "$once"
	[ "${lines[-1]}" = "0 passed, 1 failed, 0 skipped" ]
	rm "$BATS_TEST_TMPDIR/been"
	run -0 env TESTS_AGAIN=1 "$SAPIPE_TOP/tests/run" "$once"
	[ "${lines[-1]}" = "1 passed, 0 failed, 0 skipped" ]
	output_has "FLAKY "
	output_has "# the first time"
	rm "$BATS_TEST_TMPDIR/been"
	run -1 env TESTS_AGAIN=2 "$SAPIPE_TOP/tests/run" "$once" "$never"
	[ "${lines[-1]}" = "1 passed, 1 failed, 0 skipped" ]
	[ "$(grep -c '^again, alone: ' <<<"$output")" = 2 ]
	output_has "not ok 1 never passes"
	# More than that is no race for the processor.
	rm "$BATS_TEST_TMPDIR/been"
	run -1 env TESTS_AGAIN=1 "$SAPIPE_TOP/tests/run" "$once" "$never"
	[ "${lines[-1]}" = "0 passed, 2 failed, 0 skipped" ]
	[[ $output != *"again, alone: "* ]]
	# A unit as well, and one that dies.
	for i in 1 3; do
		printf '#!/bin/sh\n[ -e %s ] || { : >%s; echo 1..1; exit 9; }\necho 1..1; echo ok 1 - a\n' "$BATS_TEST_TMPDIR/was$i" "$BATS_TEST_TMPDIR/was$i" >"$BATS_TEST_TMPDIR/unit$i"
		chmod +x "$BATS_TEST_TMPDIR/unit$i"
	done
	run -0 env TESTS_AGAIN=2 "$SAPIPE_TOP/tests/run" "$BATS_TEST_TMPDIR/unit1" "$BATS_TEST_TMPDIR/unit3"
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
	[ "$(grep -c '^FLAKY .*unit[13]: ' <<<"$output")" = 2 ]
}

# The known answers in tests/vectors are those that their generator makes.

load lib/common

@test "tests/vectors: make.py makes the files that are there" {
	local f
	/usr/bin/python3 -B "$SAPIPE_TOP/tests/vectors/make.py" "$BATS_TEST_TMPDIR"
	for f in "$SAPIPE_TOP"/tests/vectors/*.{json,rsp}; do
		cmp "$f" "$BATS_TEST_TMPDIR/${f##*/}"
	done
	for f in "$BATS_TEST_TMPDIR"/*.{json,rsp}; do
		[ -e "$SAPIPE_TOP/tests/vectors/${f##*/}" ]
	done
}

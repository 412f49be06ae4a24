#!/bin/sh
# Runs every fuzz target of every package for a while, one after the other.
set -eu

GO=${GO:-go}
FUZZTIME=${FUZZTIME:-20s}
failed=0
for package in $($GO list ./...); do
	for target in $($GO test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "$package $target"
		$GO test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" "$package" || failed=1
	done
done
exit $failed

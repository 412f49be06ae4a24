#!/bin/sh
# Installs what tests need on Debian or Ubuntu: a PostgreSQL server, which
# internal/service starts by itself, and xz for the test data. Quick when all
# is there.
set -eu

missing() {
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || echo postgresql
	command -v xz >/dev/null 2>&1 || echo xz-utils
}

packages=$(missing | tr '\n' ' ')
[ -z "$packages" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "services: please install by hand what these Debian packages hold: $packages" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "services: please run as root: apt-get install $packages" >&2
	exit 1
fi

# Tests start a server of their own, so the package need not start one.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	mkdir -p /etc/postgresql-common
	echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
fi

install() {
	# shellcheck disable=SC2086 # a list of package names
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
}
install >/dev/null 2>&1 || {
	apt-get update -q
	install
}
packages=$(missing | tr '\n' ' ')
if [ -n "$packages" ]; then
	echo "services: still missing after installation: $packages" >&2
	exit 1
fi

#!/bin/sh
# Installs what tests need on Debian or Ubuntu, and internal/service starts by
# itself: a PostgreSQL server, Chromium, Keycloak and some npm packages; and xz
# for the test data. Keycloak and the packages go to a cache directory of the
# user's. Quick when all is there.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${FIREBREAK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/firebreak}

say() { echo "services: $*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

missing() {
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || has initdb || echo postgresql
	has xz || echo xz-utils
	has chromium || echo chromium
	has java || echo default-jre-headless
	has mvn || echo maven
	has unzip || echo unzip
	has node || echo nodejs
	has npm || echo npm
	/usr/bin/python3 -c "import aiosmtpd" >/dev/null 2>&1 || echo python3-aiosmtpd
}

apt() {
	# shellcheck disable=SC2086 # a list of package names
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
}

install_packages() {
	packages=$(missing | tr '\n' ' ')
	[ -z "$packages" ] && return
	if ! has apt-get; then
		say "please install by hand what these Debian packages hold: $packages"
		exit 1
	fi
	if [ "$(id -u)" -ne 0 ]; then
		say "please run as root: apt-get install $packages"
		exit 1
	fi
	# Tests start a server of their own, so the package need not start one.
	if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	fi
	apt >/dev/null 2>&1 || {
		apt-get update -q
		apt
	}
	packages=$(missing | tr '\n' ' ')
	if [ -n "$packages" ]; then
		say "still missing after installation: $packages"
		exit 1
	fi
}

# quietly runs a command and shows what it said only when it fails.
quietly() {
	"$@" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		say "failed: $1"
		exit 1
	}
}

# Keycloak's settings are compiled into it once, and its database, still without
# a realm of ours, is made once: a test copies it and has a server within seconds.
install_keycloak() {
	zip=$(sed 's/.* //' "$here/keycloak.sha256")
	version=${zip#keycloak-quarkus-dist-}
	version=${version%.zip}
	[ -e "$cache/keycloak-$version/template.mv.db" ] && return
	work=$cache/keycloak.$$
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work"
	say "Keycloak $version: fetching 180 MB"
	quietly mvn -q -B -C "-Dmaven.repo.local=$work/repository" \
		org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
		"-Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip" "-DoutputDirectory=$work"
	(cd "$work" && sha256sum --quiet --check "$here/keycloak.sha256")
	quietly unzip -q "$work/$zip" -d "$work"
	home=$work/keycloak-$version
	say "Keycloak $version: building"
	quietly "$home/bin/kc.sh" build --db=dev-file
	password=operator-of-tests quietly "$home/bin/kc.sh" bootstrap-admin user --optimized \
		--username operator --password:env password
	mv "$home/data/h2/keycloakdb.mv.db" "$home/template.mv.db"
	rm -rf "$home/data" "$cache/keycloak-$version"
	mv -T "$home" "$cache/keycloak-$version"
	rm -rf "$work"
	trap - EXIT
}

# The tests compare the same two files, to see whether the packages are those
# they were written for.
install_node() {
	cmp -s "$here/node/package-lock.json" "$cache/node/package-lock.json" && return
	work=$cache/node.$$
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work"
	cp "$here/node/package.json" "$here/node/package-lock.json" "$here/node/.npmrc" "$work/"
	say "npm packages: installing"
	quietly npm ci --prefix "$work"
	rm -rf "$cache/node" "$work/log"
	mv -T "$work" "$cache/node"
	trap - EXIT
}

install_packages
install_keycloak
install_node

package firebreak

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
)

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func checkFile(fault faultFunc, key, path string, required bool) fs.FileInfo {
	if path == "" {
		if required {
			fault(key, "must be set")
		}
		return nil
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		fault(key, "there is no file %s", path)
		return nil
	}
	return info
}

// checkSecret refuses a file that others than owner and group may read, or
// others than the owner may write: what is in it is no secret then.
func checkSecret(fault faultFunc, key, path string, required bool) {
	if info := checkFile(fault, key, path, required); info != nil && info.Mode().Perm()&0o037 != 0 {
		fault(key, "others may read %s; make it private (chmod 600) and replace the secret", path)
	}
}

func checkFolder(fault faultFunc, key, path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil || !info.IsDir():
		fault(key, "there is no folder %s", path)
	case writableByOthers(info):
		fault(key, "others than its owner may write to %s; whoever writes there decides who sees what (chmod go-w)", path)
	}
}

// writableByOthers reports whether more than the owner may write to a file or
// folder: its group, or everybody.
func writableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }

// checkSecretIn refuses a password in a configuration file that others can read.
func (c *Config) checkSecretIn(path string) error {
	u, err := url.Parse(c.Store.Postgres)
	if err != nil {
		return nil
	}
	if _, set := u.User.Password(); !set && !u.Query().Has("password") {
		return nil
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o037 != 0 {
		return errors.New("store.postgres: holds a password, and others may read this file; use postgres_password_file or chmod 600")
	}
	return nil
}

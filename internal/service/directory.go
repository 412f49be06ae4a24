package service

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// prefix begins the names of servers' directories.
const prefix = "firebreak-pg-"

// room is what a server in memory may come to need: its log of 256 MB is the
// largest part.
const room = 1 << 30

// parent is where a server's directory is made: in memory, for a quick one on a
// machine that has such a place with room in it.
func parent(c care) string {
	const memory = "/dev/shm"
	if c == quick && free(memory) >= room {
		sweep(memory)
		return memory
	}
	if dir := os.TempDir(); len(dir) <= 60 {
		return dir
	}
	return "/tmp" // a socket's path has some hundred bytes at most
}

// sweep removes what servers left behind whose tests were killed: memory is
// not to be lost until the machine is restarted.
func sweep(dir string) {
	found, _ := filepath.Glob(filepath.Join(dir, prefix+"*"))
	for _, f := range found {
		if info, err := os.Stat(f); err != nil || time.Since(info.ModTime()) < time.Minute {
			continue // it may be about to start
		}
		line, err := os.ReadFile(filepath.Join(f, "data", "postmaster.pid"))
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(line), "\n")
		if pid, err := strconv.Atoi(first); err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = os.RemoveAll(f)
		}
	}
}

package service

import (
	"os/exec"
	"runtime"
	"syscall"
)

// attributes: the server gets a signal when the test process ends, also when that
// is killed.
func attributes(cred *syscall.Credential, end syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: cred, Pdeathsig: end, Setpgid: true}
}

// startBound starts a process from a thread that lives as long as it does: the
// kernel takes the end of that thread for the end of the parent.
func startBound(cmd *exec.Cmd, done chan<- struct{}) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(done)
		}
	}()
	return <-started
}

// free is how many bytes can still be written to a directory; 0 when there is none.
func free(dir string) uint64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}

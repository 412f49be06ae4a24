//go:build !linux

package service

import (
	"os/exec"
	"syscall"
)

func attributes(cred *syscall.Credential, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: cred, Setpgid: true}
}

func startBound(cmd *exec.Cmd, done chan<- struct{}) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	return nil
}

// free: directories in memory are looked for on Linux only.
func free(string) uint64 { return 0 }

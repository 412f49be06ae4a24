package firebreak

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"firebreak/policies"
)

// policyFolder is where the policies are: the configured folder, else
// DIR/policies when it is there, else the built-in ones. It is asked at each
// reload. Once a folder was there it decides until the process ends: that
// somebody moved it must not put the built-in policies, which may permit more,
// in force.
type policyFolder struct {
	dir   string
	named bool // by the configuration
	seen  atomic.Bool
}

func newPolicyFolder(c Config) *policyFolder {
	if c.Policies.Dir != "" {
		return &policyFolder{dir: c.Policies.Dir, named: true}
	}
	return &policyFolder{dir: filepath.Join(c.Dir, "policies")}
}

// open gives the files; an error leaves the policies in force as they are.
func (p *policyFolder) open() (fs.FS, error) {
	if !p.named {
		_, err := os.Stat(p.dir)
		switch gone := errors.Is(err, fs.ErrNotExist); {
		case gone && !p.seen.Load():
			return policies.Default(), nil
		case gone:
			return nil, fmt.Errorf("the folder %s was there and is gone; put it back, or start again without it to have the built-in policies", p.dir)
		}
		p.seen.Store(true)
	}
	var fault error
	checkFolder(func(_, format string, args ...any) { fault = fmt.Errorf(format, args...) }, "", p.dir)
	return ownFiles{os.DirFS(p.dir)}, fault
}

// ownFiles refuses files and folders that others than their owner may write to.
// It looks at what it has opened, so that nothing can be put in its place.
type ownFiles struct{ fs.FS }

var errNoFile = errors.New("it is no regular file")

var errOthersWrite = errors.New("others than its owner may write to it; whoever does decides who sees what (chmod go-w)")

// Open is fs.FS's. It opens regular files and folders only: opening a pipe would
// wait for a writer, and no later change would be seen.
func (o ownFiles) Open(name string) (fs.File, error) {
	if info, err := fs.Stat(o.FS, name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() && !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNoFile}
	}
	f, err := o.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && writableByOthers(info) {
		err = &fs.PathError{Op: "open", Path: name, Err: errOthersWrite}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

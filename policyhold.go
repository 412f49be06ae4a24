package firebreak

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"firebreak/audit"
	"firebreak/authz"
	"firebreak/smart"
	"firebreak/vault"
)

// policyHold keeps policies out of force until a second person has approved them
// (smart.two_persons). In force is what the vault has as approved, from the start
// on; the folder only proposes. All servers of one database have the same.
type policyHold struct {
	instance *Instance

	mu    sync.Mutex
	found string    // hash that the last look found
	told  string    // what was dealt with: a hash, and the one it was compared with
	at    time.Time // when
}

const holdTimeout = 10 * time.Second

// holdAgain is how often it is seen to that what is not approved waits for it: a
// proposal lapses, and what was refused long ago is asked about again.
const holdAgain = time.Minute

// openPolicies is where policies are read from, at the start and at each reload.
func (i *Instance) openPolicies() (fs.FS, error) {
	folder, err := i.folder.open()
	if err != nil || i.hold == nil {
		return folder, err
	}
	texts, err := authz.ReadTexts(folder)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), holdTimeout)
	defer cancel()
	return i.hold.take(ctx, texts)
}

// holdPolicies begins to hold. The policies that are in the folder when there are
// none in the vault are the site's first: nobody can have approved them.
func (i *Instance) holdPolicies(ctx context.Context) error {
	if i.identity == nil || !slices.Contains(i.cfg.Smart.TwoPersons, twoForPolicies) {
		return nil
	}
	_, err := i.identity.smart.ApprovedPolicies(ctx)
	if errors.Is(err, vault.ErrAbsent) {
		err = i.keepFirst(ctx)
	}
	if err != nil {
		return err
	}
	i.hold = &policyHold{instance: i}
	return i.policies.Reload()
}

func (i *Instance) keepFirst(ctx context.Context) error {
	folder, err := i.folder.open()
	if err != nil {
		return err
	}
	texts, err := authz.ReadTexts(folder)
	if err != nil {
		return err
	}
	policies, err := texts.Policies()
	if err != nil {
		return err
	}
	if err := i.operated(ctx, audit.Record{Interaction: "policies-approved", Operation: "about=" + texts.Hash, Detail: "the first ones"}); err != nil {
		return err
	}
	return i.identity.smart.FirstPolicies(ctx, smart.PolicyTexts{Hash: texts.Hash, Files: texts.Files, Policies: policies})
}

// take is the approved policies. Others, once two looks in a row have found them
// (see authz.Policies.Watch), are proposed.
func (h *policyHold) take(ctx context.Context, texts authz.Texts) (fs.FS, error) {
	approved, err := h.instance.identity.smart.ApprovedPolicies(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	settled := h.found == texts.Hash
	h.found = texts.Hash
	about, at := texts.Hash+" "+approved.Hash, h.instance.clock.Now()
	if texts.Hash == approved.Hash || !settled || h.told == about && at.Sub(h.at).Abs() < holdAgain {
		return textFiles(approved.Files), nil
	}
	policies, err := texts.Policies()
	if err != nil {
		return nil, err
	}
	now, err := h.instance.identity.smart.ProposePolicies(ctx, smart.PolicyTexts{Hash: texts.Hash, Files: texts.Files, Policies: policies, Instead: approved.Hash})
	if err != nil {
		return nil, err
	}
	if now {
		if err := h.instance.operated(ctx, audit.Record{Interaction: "approval-asked", Operation: "about=" + texts.Hash, Detail: "policies"}); err != nil {
			return nil, err
		}
	}
	if now || h.told != about {
		h.instance.log.Warn("the folder holds policies that are not approved; those approved stay in force", "hash", texts.Hash)
	}
	h.told, h.at = about, at
	return textFiles(approved.Files), nil
}

// textFiles is a folder of texts by path, as far as policies are read from it.
type textFiles map[string]string

// Open is fs.FS's: files are read by ReadFile.
func (f textFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
}

// Stat is fs.StatFS's.
func (f textFiles) Stat(name string) (fs.FileInfo, error) {
	if name == "." {
		return textFile{name: name, mode: fs.ModeDir}, nil
	}
	text, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return textFile{name: name, size: int64(len(text))}, nil
}

// ReadDir is fs.ReadDirFS's: all files lie in the one folder, by their whole paths.
func (f textFiles) ReadDir(string) ([]fs.DirEntry, error) {
	var out []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(f)) {
		out = append(out, textFile{name: name, size: int64(len(f[name]))})
	}
	return out, nil
}

// ReadFile is fs.ReadFileFS's.
func (f textFiles) ReadFile(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// textFile is one of them, or their folder.
type textFile struct {
	name string
	size int64
	mode fs.FileMode
}

func (t textFile) Name() string               { return t.name }
func (t textFile) Size() int64                { return t.size }
func (t textFile) Mode() fs.FileMode          { return t.mode }
func (t textFile) ModTime() (none time.Time)  { return none }
func (t textFile) IsDir() bool                { return t.mode.IsDir() }
func (t textFile) Sys() any                   { return nil }
func (t textFile) Type() fs.FileMode          { return t.mode.Type() }
func (t textFile) Info() (fs.FileInfo, error) { return t, nil }

package authz

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Limits of a policy folder. They are for accidents: policies are written by
// people the service trusts.
const (
	maxPolicyFile  = 4 << 20
	maxPolicyFiles = 10_000
	maxNesting     = 64 // brackets, for the parser is recursive
)

// PolicySet is a folder of policies, read, checked and compiled for both nets.
// It never changes.
type PolicySet struct {
	epoch string
	ids   []string
	net1  []compiled   // in the order of ids
	net2  []judgeEntry // in the order of ids
}

// IDs are the policies' names, sorted. The result is the caller's.
func (s *PolicySet) IDs() []string { return slices.Clone(s.ids) }

// Epoch names the texts: the first 16 hexadecimal digits of a SHA-256.
func (s *PolicySet) Epoch() string { return s.epoch }

// LoadPolicies reads every *.cedar file of a folder and its subfolders. All of
// them must be right, or none is used: the error names each fault, a line each,
// as "file:line: policy: reason". A folder without policies permits nothing.
func LoadPolicies(fsys fs.FS) (*PolicySet, error) {
	files, err := readPolicies(fsys)
	if err != nil {
		return nil, err
	}
	return files.load()
}

func (files policyFiles) load() (*PolicySet, error) {
	v, err := newValidator()
	if err != nil {
		return nil, err
	}
	l := loader{validator: v, at: map[string]string{}, set: &PolicySet{epoch: files.epoch()}}
	for _, f := range files {
		l.file(f)
	}
	if len(l.faults) > 0 {
		return nil, errors.Join(l.faults...)
	}
	l.finish()
	return l.set, nil
}

type policyFile struct{ name, text string }

type policyFiles []policyFile

func readPolicies(fsys fs.FS) (policyFiles, error) {
	var out policyFiles
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".cedar" {
			return err
		}
		if len(out) >= maxPolicyFiles {
			return errors.New("too many policy files")
		}
		info, err := d.Info()
		if err == nil && info.Size() > maxPolicyFile {
			return fmt.Errorf("%s: the file is too large", name)
		}
		text, err := fs.ReadFile(fsys, name)
		out = append(out, policyFile{name, string(text)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	return out, nil
}

func (files policyFiles) epoch() string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%d:%s%d:%s", len(f.name), f.name, len(f.text), f.text)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

type loader struct {
	validator validator
	at        map[string]string // id → where it was defined
	set       *PolicySet
	faults    []error
}

func (l *loader) file(f policyFile) {
	if nesting(f.text) > maxNesting {
		l.faults = append(l.faults, fmt.Errorf("%s: brackets are nested too deeply", f.name))
		return
	}
	list, err := cedar.NewPolicyListFromBytes(f.name, []byte(f.text))
	if err != nil {
		l.faults = append(l.faults, fmt.Errorf("%s: %w", f.name, err))
		return
	}
	for _, p := range list {
		l.policy(p)
	}
}

// idShape is what a policy's name may be: it appears in traces and audit.
var idShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func (l *loader) policy(p *cedar.Policy) {
	pos := p.Position()
	where := fmt.Sprintf("%s:%d", pos.Filename, pos.Line)
	id := string(p.Annotations()["id"])
	fault := func(err error) {
		l.faults = append(l.faults, fmt.Errorf("%s: %s: %w", where, id, err))
	}
	if !idShape.MatchString(id) {
		id = "policy"
		fault(errors.New(`it needs a name, @id("letters-digits-dots"), unique in the folder`))
		return
	}
	if first, ok := l.at[id]; ok {
		fault(fmt.Errorf("its @id is taken by the policy at %s", first))
		return
	}
	l.at[id] = where
	tree := (*ast.Policy)(p.AST())
	c, err := compile(id, tree)
	if err == nil {
		err = l.validator.check(tree)
	}
	if err != nil {
		fault(err)
		return
	}
	l.set.net1 = append(l.set.net1, c)
	l.set.net2 = append(l.set.net2, newJudgeEntry(id, p))
}

func (l *loader) finish() {
	slices.SortFunc(l.set.net1, func(a, b compiled) int { return strings.Compare(a.id, b.id) })
	slices.SortFunc(l.set.net2, func(a, b judgeEntry) int { return strings.Compare(string(a.id), string(b.id)) })
	for _, c := range l.set.net1 {
		l.set.ids = append(l.set.ids, c.id)
	}
}

// nesting is how deep brackets are nested in a Cedar text, outside of texts and
// comments.
func nesting(s string) int {
	depth, deepest := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '/':
			if i+1 < len(s) && s[i+1] == '/' {
				for i < len(s) && s[i] != '\n' {
					i++
				}
			}
		case '(', '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', ']', '}':
			depth--
		}
	}
	return deepest
}

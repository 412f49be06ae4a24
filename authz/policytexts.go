package authz

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// Texts is a folder of policies as it was read: for whoever keeps policies, or
// has them approved, before they are in force.
type Texts struct {
	Files map[string]string // by path in the folder
	Hash  string            // SHA-256 of paths and texts, in hexadecimal
	files policyFiles
}

// ReadTexts reads a folder as LoadPolicies does, and looks at nothing in it.
func ReadTexts(fsys fs.FS) (Texts, error) {
	files, err := readPolicies(fsys)
	if err != nil {
		return Texts{}, err
	}
	// Whatever order the folder was walked in.
	slices.SortFunc(files, func(a, b policyFile) int { return strings.Compare(a.name, b.name) })
	t := Texts{Files: map[string]string{}, files: files}
	h := sha256.New()
	for _, f := range files {
		t.Files[f.name] = f.text
		fmt.Fprintf(h, "%d:%s%d:%s", len(f.name), f.name, len(f.text), f.text)
	}
	t.Hash = hex.EncodeToString(h.Sum(nil))
	return t, nil
}

// Policies are the texts' policies by @id, each with a digest of what it says;
// comments and spaces don't count. The error is LoadPolicies' when they are not
// right.
func (t Texts) Policies() (map[string]string, error) {
	if _, err := t.files.load(); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, f := range t.files {
		list, err := cedar.NewPolicyListFromBytes(f.name, []byte(f.text))
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			sum := sha256.Sum256(p.MarshalCedar())
			out[string(p.Annotations()["id"])] = hex.EncodeToString(sum[:])
		}
	}
	return out, nil
}

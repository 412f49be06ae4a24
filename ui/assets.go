package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

//go:embed assets
var files embed.FS

// Asset is a file that pages refer to. Its path holds a hash of its content, so
// it may be kept for ever: "Cache-Control: public, max-age=31536000, immutable".
type Asset struct {
	Content []byte // not to be changed
	Type    string // the media type, for Content-Type
}

// Asset finds a file by the path of the request, "/auth/assets/page.0123….css".
func (p *Pages) Asset(path string) (Asset, bool) {
	a, ok := p.assets[path]
	return a, ok
}

// asset is the path of a file by its name in the folder, "page.css".
func (p *Pages) asset(name string) (string, error) {
	ext := path.Ext(name)
	for at := range p.assets {
		if strings.HasPrefix(at, p.site.Base+"/assets/"+strings.TrimSuffix(name, ext)+".") && path.Ext(at) == ext {
			return at, nil
		}
	}
	return "", fmt.Errorf("no asset %q", name)
}

func readAssets(base string) (map[string]Asset, error) {
	kinds := map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}
	list, err := files.ReadDir("assets")
	if err != nil {
		return nil, err
	}
	out := map[string]Asset{}
	for _, f := range list {
		content, err := files.ReadFile("assets/" + f.Name())
		if err != nil {
			return nil, err
		}
		ext := path.Ext(f.Name())
		sum := sha256.Sum256(content)
		name := strings.TrimSuffix(f.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		out[base+"/assets/"+name] = Asset{content, kinds[ext]}
	}
	return out, nil
}

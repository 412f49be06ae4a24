package firebreak

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"firebreak/fhir"
	"firebreak/gate"
)

// link is what a page link carries: the search itself, so that it goes on as it
// began, and the last row seen. It is sealed, so it shows neither.
type link struct {
	Path, Query, Body string
	Strict            bool           `json:",omitempty"`
	After             *gate.Position `json:",omitempty"`
	Expires           int64
	Epoch             string // of the policies it was made under
}

// pageLinks seals links with AES-256-GCM, bound to the person and the
// application they were made for.
type pageLinks struct {
	aead cipher.AEAD
	life time.Duration
	most int // bytes of a URL that the transport takes
}

const pageParameter = "_page"

var (
	errPageBad  = fhir.NewProblem(fhir.NotFound, "no such page")
	errPageGone = fhir.NewProblem(fhir.Gone, "the page link has expired; search again")
	errPageLong = fhir.NewProblem(fhir.TooMuch, "the search is so long that the link to its next page would be longer than a URL may be; ask for more a page with _count, or search for less at once").At("http._count")
)

func newPageLinks(key []byte, life time.Duration, most int) (*pageLinks, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("page key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("page key: %w", err)
	}
	return &pageLinks{aead: aead, life: life, most: most}, nil
}

// next is the link to a next page. Its length is rounded up, so that it tells
// little of what it carries.
func (p *pageLinks) next(s *Server, v *visit, l link) (gate.Link, error) {
	l.Expires = v.when.Add(p.life).Unix()
	l.Epoch = s.gate.Epoch()
	plain, err := json.Marshal(l)
	if err != nil {
		return gate.Link{}, err
	}
	if plain, err = shortened(plain); err != nil {
		return gate.Link{}, err
	}
	plain = append(plain, bytes.Repeat([]byte{' '}, (256-len(plain)%256)%256)...)
	nonce := make([]byte, p.aead.NonceSize())
	s.ids.Nonce(nonce)
	sealed := p.aead.Seal(nonce, nonce, plain, owner(v.principal))
	url := s.base + "?" + pageParameter + "=" + base64.RawURLEncoding.EncodeToString(sealed)
	if len(url) > p.most {
		return gate.Link{}, errPageLong
	}
	return gate.Link{Relation: "next", URL: url}, nil
}

// A link that is longer than longLink, in bytes before it is sealed, is deflated,
// after a zero byte: a search that comes in a URL should fit in one again. All
// that it carries is the caller's own or has been shown to them, so that its
// length is no secret of others.
const longLink = 2 << 10

func shortened(plain []byte) ([]byte, error) {
	if len(plain) <= longLink {
		return plain, nil
	}
	out := bytes.NewBuffer([]byte{0})
	w, err := flate.NewWriter(out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// lengthened takes back what shortened did. It is asked only of what was sealed
// here.
func lengthened(plain []byte) ([]byte, error) {
	if len(plain) == 0 || plain[0] != 0 {
		return plain, nil
	}
	return io.ReadAll(flate.NewReader(bytes.NewReader(plain[1:])))
}

func owner(p gate.Principal) []byte {
	sum := sha256.Sum256([]byte(p.Owner()))
	return sum[:]
}

// open reads a link again. One that is not this person's, or not ours, is not
// there; one that is too old, or was made under other policies, is gone.
func (p *pageLinks) open(s *Server, v *visit, text string) (link, error) {
	var l link
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(sealed) < p.aead.NonceSize() {
		return l, errPageBad
	}
	n := p.aead.NonceSize()
	plain, err := p.aead.Open(nil, sealed[:n], sealed[n:], owner(v.principal))
	if err != nil {
		return l, errPageBad
	}
	if plain, err = lengthened(plain); err != nil {
		return l, errPageBad
	}
	if err := json.Unmarshal(plain, &l); err != nil {
		return l, errPageBad
	}
	if v.when.Unix() > l.Expires || l.Epoch != s.gate.Epoch() || l.After == nil {
		return l, errPageGone
	}
	return l, nil
}

// pageToken is the link in a request for a further page, or "".
func pageToken(req *fhir.Request) string {
	if req.Path != "" || req.Method != http.MethodGet && req.Method != http.MethodHead {
		return ""
	}
	token, ok := strings.CutPrefix(req.Query, pageParameter+"=")
	if !ok || strings.ContainsAny(token, "&=") {
		return ""
	}
	return token
}

// further answers a request for a further page: the search it belongs to is
// parsed, planned and admitted anew, under the rights of now.
func (s *Server) further(ctx context.Context, v *visit, token string) (gate.Cleared, error) {
	l, err := s.links.open(s, v, token)
	if err != nil {
		return gate.Cleared{}, err
	}
	req := *v.Request
	req.Method, req.Path, req.Query = http.MethodGet, l.Path, l.Query
	if l.Body != "" {
		req.Method, req.Body, req.ContentType = http.MethodPost, []byte(l.Body), "application/x-www-form-urlencoded"
	}
	req.Prefer = ""
	if l.Strict {
		req.Prefer = "handling=strict"
	}
	i, err := s.parser.Interaction(&req)
	if err != nil {
		return gate.Cleared{}, err
	}
	v.pretty = i.Pretty
	v.asks(i)
	m, err := s.gate.Admit(v.principal, fhir.Compile(i))
	if err != nil {
		return gate.Cleared{}, err
	}
	after := l.After
	l.After = nil
	v.Request = &req // what is on record is the search, not its link
	switch {
	case i.History != nil:
		return s.historyPage(ctx, v, m, i, after, l)
	case i.Operation == "$everything":
		return s.everythingPage(ctx, v, m, i, after, l)
	}
	return s.searchPage(ctx, v, m, i, after, s.selfLink(v, i), l)
}

package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
)

// lane is one connection and who uses it.
type lane struct {
	number int
	client *http.Client
	base   string // of the FHIR service
}

// newLane is a connection that keeps no cookies; jar may be nil.
func newLane(c *child, dir string, number int, jar http.CookieJar) (*lane, error) {
	pool, err := roots(dir)
	if err != nil {
		return nil, err
	}
	l := &lane{number: number, base: c.base}
	l.client = &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 1},
		CheckRedirect: func(req *http.Request, _ []*http.Request) error {
			if !strings.HasPrefix(req.URL.String(), l.issuer()+"/") {
				return http.ErrUseLastResponse
			}
			return nil
		}}
	return l, nil
}

func (l *lane) issuer() string { return strings.TrimSuffix(l.base, "/fhir") + "/auth" }

// send is one request; the answer's status must be want.
func (l *lane) send(req *http.Request, want int) ([]byte, *http.Response, error) {
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s %s: status %d, want %d: %.300s", req.Method, req.URL.Path, resp.StatusCode, want, body)
	}
	return body, resp, err
}

// read reads one resource with a token.
func (l *lane) read(token string) error {
	req, err := http.NewRequest("GET", l.base+"/Observation/"+readID, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	_, _, err = l.send(req, http.StatusOK)
	return err
}

// tokens is what the token endpoint answers with.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Scope   string `json:"scope"`
	Active  bool   `json:"active"` // of an introspection
}

// post sends a form to a place of the authorization server that answers in JSON.
func (l *lane) post(path string, form url.Values) (t tokens, err error) {
	req, err := http.NewRequest("POST", l.issuer()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return t, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body, _, err := l.send(req, http.StatusOK)
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(body, &t)
}

// drive has so many lanes call do, all in all count times, or for the bench's time
// when count is 0. The connections are there before the clock starts.
func (b *bench) drive(c *child, dir string, lanes, count int, do func(l *lane, n int) error) (figure, error) {
	all := make([]*lane, lanes)
	ready := make([]error, lanes)
	var wg sync.WaitGroup
	for k := range all {
		wg.Go(func() {
			if all[k], ready[k] = newLane(c, dir, k, nil); ready[k] == nil {
				ready[k] = all[k].hello()
			}
		})
	}
	wg.Wait()
	if err := errors.Join(ready...); err != nil {
		return figure{}, err
	}
	var next atomic.Int64
	took := make([][]time.Duration, lanes)
	before, start := c.cpu(), now()
	end := start.Add(b.seconds)
	for k, l := range all {
		wg.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				at := now()
				if count > 0 && n >= count || count == 0 && !at.Before(end) {
					return
				}
				if ready[k] = do(l, n); ready[k] != nil {
					return
				}
				took[k] = append(took[k], now().Sub(at))
			}
		})
	}
	wg.Wait()
	whole, used := now().Sub(start), c.cpu()-before
	for _, l := range all {
		l.client.CloseIdleConnections()
	}
	each := slices.Concat(took...)
	if err := errors.Join(ready...); err != nil || len(each) == 0 {
		return figure{}, errors.Join(err, fmt.Errorf("%d requests were answered", len(each)))
	}
	slices.Sort(each)
	return figure{float64(len(each)) / whole.Seconds(), used / time.Duration(len(each)), each[len(each)/2], each[len(each)*99/100]}, nil
}

// hello opens the connection; whatever the server answers.
func (l *lane) hello() error {
	resp, err := l.client.Get(l.base + "/.well-known/smart-configuration")
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// peak is the most memory that the child had resident at a time, in bytes.
func (c *child) peak() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("VmHWM:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.Atoi(string(fields[0]))
	return kilobytes << 10
}

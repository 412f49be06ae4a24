package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// site is one store with the servers over it.
type site struct {
	b          *bench
	name       string
	dir        string
	unread     *child // the pipeline, without verification of tokens
	whole      *child // the authorization server with its FHIR service
	systems    []*system
	person     browser // the physician, signed in
	store      string
	unreadHome string
}

// tokens measures the authorization server, and what its tokens cost where they
// are used, over SQLite and, when the bench is given a database, PostgreSQL.
func (b *bench) tokens() error {
	worlds := []struct{ name, world string }{{"SQLite", ""}}
	if b.postgres != "" {
		worlds = append(worlds, struct{ name, world string }{"PostgreSQL", b.postgres})
	}
	fmt.Fprintf(b.out, "\n## Tokens, over TLS 1.3 at 64 connections, median of %d\n", b.rounds)
	if b.postgres == "" {
		fmt.Fprintln(b.out, "\nPostgreSQL is not measured: -postgres names no database")
	}
	for _, w := range worlds {
		s, err := b.newSite(w.name, w.world)
		if err == nil {
			err = s.measure()
			s.close()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// newSite opens a store and starts its servers.
func (b *bench) newSite(name, world string) (*site, error) {
	s := &site{b: b, name: name, store: world, dir: filepath.Join(b.dir, "tokens", name), unreadHome: filepath.Join(b.dir, "tokens", name+"-unread")}
	for _, dir := range []string{s.dir, s.unreadHome} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if err := s.fill(); err != nil {
		return nil, err
	}
	for _, alg := range assertionAlgorithms {
		system, err := newSystem(alg, s.dir)
		if err != nil {
			return nil, err
		}
		s.systems = append(s.systems, system)
	}
	var err error
	if s.unread, err = b.spawn("unread", s.unreadHome, s.unreadStore(), ""); err == nil {
		s.whole, err = b.spawn("authorization-new", s.dir, s.store, "")
	}
	if err == nil {
		err = s.signIn()
	}
	if err != nil {
		s.close()
	}
	return s, err
}

func (s *site) close() {
	for _, c := range []*child{s.unread, s.whole} {
		if c != nil {
			c.stop()
		}
	}
}

// unreadStore: servers share a database and not a file.
func (s *site) unreadStore() string {
	if isDatabase(s.store) {
		return s.store
	}
	return filepath.Join(s.unreadHome, "world.db")
}

// fill makes the store with what is read.
func (s *site) fill() error {
	if !isDatabase(s.store) {
		s.store = filepath.Join(s.dir, "world.db")
		if err := s.b.copyWorld(s.b.smallest, s.store); err != nil {
			return err
		}
		_ = os.Remove(filepath.Join(s.dir, "vault.key")) // the store begins anew, and so do its secrets
		return copyFile(s.store, s.unreadStore())
	}
	st, err := openWorld(context.Background(), s.store)
	if err != nil {
		return err
	}
	defer st.Close()
	empty := false
	if _, err := st.Setting(context.Background(), "bench", func() []byte { empty = true; return []byte{1} }); err != nil || !empty {
		return err
	}
	return fill(st, 500)
}

func (s *site) signIn() error {
	var err error
	if s.person, err = newBrowser(s.whole, s.dir); err != nil {
		return err
	}
	form, err := s.person.signInPage()
	if err != nil {
		return err
	}
	if status, err := s.person.signIn(form, physician); err != nil || status != 303 {
		return errors.Join(err, fmt.Errorf("sign-in: status %d", status))
	}
	return nil
}

// measure prints the site's tables.
func (s *site) measure() error {
	parts := []part{{"read", s.reads}, {"assertion", s.assertions}, {"exchange", s.exchanges}}
	if !isDatabase(s.store) {
		parts = append(parts, part{"password", s.passwords}, part{"start", s.starts})
	}
	for _, p := range parts {
		if !strings.HasPrefix(p.name, s.b.requests) {
			continue
		}
		if err := p.run(); err != nil {
			return err
		}
	}
	return nil
}

// row is one line: its figures, and ratios to another's.
func (s *site) row(what, how string, f figure, ratios ...float64) {
	fmt.Fprintf(s.b.out, "| %s | %s | %s | %.0f | %d µs | %.1f ms | %.1f ms |", s.name, what, how, f.perSecond, f.cpu.Microseconds(), ms(f.p50), ms(f.p99))
	for _, r := range ratios {
		fmt.Fprintf(s.b.out, " %.2f |", r)
	}
	fmt.Fprintln(s.b.out)
}

// reads measures what a token costs where it is used: the same read with none of
// it looked at, with a token of a configured issuer, which cannot be taken back,
// and with one of our own, of which it is asked each time whether it was.
func (s *site) reads() error {
	code, err := s.person.code(readScope)
	if err != nil {
		return err
	}
	own, err := s.person.post("/token", exchangeForm(code))
	if err != nil {
		return err
	}
	issuer, err := localIssuer(s.dir)
	if err != nil {
		return err
	}
	others, err := issuer.Mint(mintFor(), time.Hour)
	if err != nil {
		return err
	}
	ways := []struct {
		how    string
		server *child
		dir    string
		token  string
	}{{"not verified", s.unread, s.unreadHome, own.Access}, {"a configured issuer's", s.whole, s.dir, others}, {"our own", s.whole, s.dir, own.Access}}
	all := make([][]figure, len(ways))
	for range s.b.rounds {
		for n, w := range ways {
			f, err := s.b.drive(w.server, w.dir, 64, 0, func(l *lane, _ int) error { return l.read(w.token) })
			if err != nil {
				return fmt.Errorf("read, token %s: %w", w.how, err)
			}
			all[n] = append(all[n], f)
		}
	}
	fmt.Fprintf(s.b.out, "\n| store | request | token | requests/s | CPU/request | p50 | p99 | CPU of not verified |\n")
	for n, w := range ways {
		s.row("read", w.how, middle(all[n]), ratio(all[n], all[0]))
	}
	return nil
}

// ratio is the middle one of the rounds' ratios of processor time: what slows the
// machine down for a while is in both of a round.
func ratio(of, to []figure) float64 {
	var all []float64
	for n := range of {
		all = append(all, float64(of[n].cpu)/float64(to[n].cpu))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// assertions measures backend services' exchanges against the two signatures that
// each cannot do without: the assertion's, verified, and the token's, made.
func (s *site) assertions() error {
	fmt.Fprintf(s.b.out, "\n| store | %d exchanges | of | exchanges/s | CPU/exchange | p50 | p99 | CPU of bare signatures | verify + sign |\n", s.b.exchanges)
	for _, system := range s.systems {
		var all, verify, sign, bare []figure
		for range s.b.rounds {
			f, v, g, err := s.backend(system)
			if err != nil {
				return fmt.Errorf("%s: %w", system.alg, err)
			}
			all, verify, sign = append(all, f), append(verify, figure{cpu: v}), append(sign, figure{cpu: g})
			bare = append(bare, figure{cpu: v + g})
		}
		v, g := middle(verify).cpu, middle(sign).cpu
		f := middle(all)
		fmt.Fprintf(s.b.out, "| %s | private_key_jwt | %s | %.0f | %d µs | %.1f ms | %.1f ms | %.2f | %d + %d µs |\n", s.name, system.alg, f.perSecond, f.cpu.Microseconds(),
			ms(f.p50), ms(f.p99), ratio(all, bare), v.Microseconds(), g.Microseconds())
	}
	return nil
}

func (s *site) backend(system *system) (f figure, verify, sign time.Duration, err error) {
	list, err := system.assertions(s.b.exchanges, s.person.issuer()+"/token")
	if err != nil {
		return f, 0, 0, err
	}
	var got tokens
	var mu sync.Mutex
	f, err = s.b.drive(s.whole, s.dir, 64, len(list), func(l *lane, n int) error {
		t, err := l.post("/token", system.form(list[n]))
		if err != nil || t.Access == "" {
			return errors.Join(err, errors.New("there is no token in the answer"))
		}
		mu.Lock()
		defer mu.Unlock()
		got = t
		return nil
	})
	if err != nil {
		return f, 0, 0, err
	}
	verify, sign, err = system.bareSignatures(list, got.Access)
	return f, verify, sign, err
}

// exchanges measures the code and refresh grants, and introspection.
func (s *site) exchanges() error {
	fmt.Fprintf(s.b.out, "\n| store | request | with | requests/s | CPU/request | p50 | p99 |\n")
	var access string
	for _, x := range []struct{ how, scope string }{{"access and refresh token", "offline_access " + readScope}, {"an id token too", "openid fhirUser offline_access " + readScope}} {
		var first, next []figure
		for range s.b.rounds {
			f, held, err := s.codes(x.scope)
			if err != nil {
				return fmt.Errorf("code: %w", err)
			}
			first = append(first, f)
			if f, err = s.refreshes(held); err != nil {
				return fmt.Errorf("refresh: %w", err)
			}
			next, access = append(next, f), held[0].Access
		}
		s.row("code", x.how, middle(first))
		s.row("refresh", x.how, middle(next))
	}
	secret, err := os.ReadFile(filepath.Join(s.dir, resourcesID+".secret"))
	if err != nil {
		return err
	}
	form := url.Values{"token": {access}, "client_id": {resourcesID}, "client_secret": {string(secret)}}
	var all []figure
	for range s.b.rounds {
		f, err := s.b.drive(s.whole, s.dir, 64, 0, func(l *lane, _ int) error {
			t, err := l.post("/introspect", form)
			if err == nil && !t.Active {
				err = errors.New("the token is not active")
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("introspect: %w", err)
		}
		all = append(all, f)
	}
	s.row("introspect", "a person's token", middle(all))
	return nil
}

// codes exchanges codes that are fetched before: they live a minute.
func (s *site) codes(scope string) (figure, []tokens, error) {
	codes := make([]string, max(64, s.b.exchanges/4))
	for n := range codes {
		var err error
		if codes[n], err = s.person.code(scope); err != nil {
			return figure{}, nil, err
		}
	}
	got := make([]tokens, len(codes))
	f, err := s.b.drive(s.whole, s.dir, 64, len(codes), func(l *lane, n int) (err error) {
		got[n], err = l.post("/token", exchangeForm(codes[n]))
		return err
	})
	return f, got, err
}

// refreshes has each connection use its own refresh token again and again.
func (s *site) refreshes(held []tokens) (figure, error) {
	return s.b.drive(s.whole, s.dir, 64, 0, func(l *lane, _ int) error {
		t, err := l.post("/token", refreshForm(held[l.number].Refresh))
		if err == nil {
			held[l.number] = t
		}
		return err
	})
}

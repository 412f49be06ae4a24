package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"firebreak/authn"
)

// child is a server process under measurement.
type child struct {
	cmd  *exec.Cmd
	base string
}

func (b *bench) spawn(kind, dir, world, body string) (*child, error) {
	args := []string{"server", "-kind", kind, "-dir", dir, "-world", world, "-body", body}
	if b.profiles != "" {
		name := kind
		if isDatabase(world) {
			name += "-postgres"
		}
		args = append(args, "-profile", filepath.Join(b.profiles, name+".prof"))
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	base, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		return nil, fmt.Errorf("the %s server did not start", kind)
	}
	return &child{cmd, base}, nil
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.cmd.Wait()
}

// cpu is the processor time that the child has used, by its clock as
// clock_getcpuclockid(3) makes it from a process id.
func (c *child) cpu() time.Duration { return cpuOf(^c.cmd.Process.Pid<<3 | 2) }

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration { return cpuOf(unix.CLOCK_PROCESS_CPUTIME_ID) }

func cpuOf(clock int) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(int32(clock), &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// memory is the child's resident bytes.
func (c *child) memory() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * os.Getpagesize()
}

// figure is one measurement.
type figure struct {
	perSecond float64
	cpu       time.Duration // of the server, per request
	p50, p99  time.Duration
}

// load sends requests over that many connections for a time.
func (b *bench) load(c *child, dir string, connections int, make func(n int) (*http.Request, error), want int) (figure, error) {
	pool, err := roots(dir)
	if err != nil {
		return figure{}, err
	}
	var mu sync.Mutex
	var all []time.Duration
	var failures []error
	var wg sync.WaitGroup
	before, start := c.cpu(), now()
	end := start.Add(b.seconds)
	for k := range connections {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 1}}
			defer client.CloseIdleConnections()
			var mine []time.Duration
			var err error
			for n := k; err == nil && now().Before(end); n += connections {
				at := now()
				if err = once(client, make, n, want); err == nil {
					mine = append(mine, now().Sub(at))
				}
			}
			mu.Lock()
			all, failures = append(all, mine...), append(failures, err)
			mu.Unlock()
		})
	}
	wg.Wait()
	took := now().Sub(start)
	if err := errors.Join(failures...); err != nil {
		return figure{}, err
	}
	slices.Sort(all)
	return figure{float64(len(all)) / took.Seconds(), (c.cpu() - before) / time.Duration(len(all)), all[len(all)/2], all[len(all)*99/100]}, nil
}

// once sends the n-th request and reads its answer whole.
func once(client *http.Client, make func(n int) (*http.Request, error), n, want int) error {
	req, err := make(n)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("status %d, want %d", resp.StatusCode, want)
	}
	return err
}

// http measures reads, searches and creates over TLS at 64 connections: bare,
// with the gate's door open, and whole. Each is run three times in turn and the
// median is shown, so that a noisy moment falls on all alike.
func (b *bench) http() error {
	dir := filepath.Join(b.dir, "http")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	world := filepath.Join(dir, "world.db")
	if err := b.copyWorld(b.smallest, world); err != nil {
		return err
	}
	issuer, err := localIssuer(dir)
	if err != nil {
		return err
	}
	token, err := issuer.Mint(authn.LocalClaims{Subject: "dr-south", ClientID: "bench", Scope: "user/*.cruds", FHIRUser: "Practitioner/dr-south",
		Organization: []string{"Organization/south"}, Roles: []string{"physician"}}, time.Hour)
	if err != nil {
		return err
	}
	body := filepath.Join(dir, "body.json")
	if err := os.WriteFile(body, resource1(), 0o600); err != nil {
		return err
	}
	var servers [3]*child
	for i, kind := range []string{"bare", "open", "secure"} {
		path := world
		if i > 0 {
			path = filepath.Join(dir, kind+".db")
			if err := copyFile(world, path); err != nil {
				return err
			}
		}
		if servers[i], err = b.spawn(kind, dir, path, body); err != nil {
			return err
		}
		defer servers[i].stop()
	}
	fmt.Fprintf(b.out, "\n## Over TLS 1.3 at 64 connections, %s each, median of 3\n\nidle memory: Firebreak %d MB, bare %d MB\n\n", b.seconds, servers[2].memory()>>20, servers[0].memory()>>20)
	fmt.Fprintln(b.out, "| request | server | requests/s | CPU/request | p50 | p99 | throughput of bare | CPU of bare | CPU of open |")
	for _, w := range workloads(token) {
		if !strings.HasPrefix(w.name, b.requests) {
			continue
		}
		if err := b.workload(dir, servers, w); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	fmt.Fprintf(b.out, "\nmemory under load: Firebreak %d MB, bare %d MB\n", servers[2].memory()>>20, servers[0].memory()>>20)
	return nil
}

type workload struct {
	name string
	want int
	make func(base string, n int) (*http.Request, error)
	bare bool // compare with the bare server
}

func workloads(token string) []workload {
	get := func(path string) func(string, int) (*http.Request, error) {
		return func(base string, n int) (*http.Request, error) {
			req, err := http.NewRequest("GET", base+path, nil)
			if err == nil {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			return req, err
		}
	}
	return []workload{
		{"read", 200, get("/Observation/" + readID), true},
		{"search, subject + code", 200, get("/Observation?subject=Patient/" + readPatient + "&code=C0"), false},
		{"search, page of 20 + total", 200, get("/Observation?code=C0"), false},
		{"create", 201, func(base string, n int) (*http.Request, error) {
			req, err := http.NewRequest("POST", base+"/Observation", strings.NewReader(string(resource1())))
			if err == nil {
				req.Header.Set("Authorization", "Bearer "+token)
				req.Header.Set("Content-Type", "application/fhir+json")
			}
			return req, err
		}, false},
	}
}

func (b *bench) workload(dir string, servers [3]*child, w workload) error {
	var figures [3][]figure
	for range 3 {
		for i, c := range servers {
			if i == 0 && !w.bare {
				continue
			}
			f, err := b.load(c, dir, 64, func(n int) (*http.Request, error) { return w.make(c.base, n) }, w.want)
			if err != nil {
				return err
			}
			figures[i] = append(figures[i], f)
		}
	}
	var m [3]figure
	for i := range figures {
		if len(figures[i]) > 0 {
			m[i] = middle(figures[i])
		}
	}
	for i, name := range []string{"bare net/http", "gate open, audit off", "Firebreak"} {
		if len(figures[i]) == 0 {
			continue
		}
		fmt.Fprintf(b.out, "| %s | %s | %.0f | %d µs | %.1f ms | %.1f ms | ", w.name, name, m[i].perSecond, m[i].cpu.Microseconds(), ms(m[i].p50), ms(m[i].p99))
		if w.bare {
			fmt.Fprintf(b.out, "%.2f | %.2f | ", m[i].perSecond/m[0].perSecond, float64(m[i].cpu)/float64(m[0].cpu))
		} else {
			fmt.Fprint(b.out, "– | – | ")
		}
		fmt.Fprintf(b.out, "%.2f |\n", float64(m[i].cpu)/float64(m[1].cpu))
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// middle takes the median of each measure by itself.
func middle(f []figure) figure {
	pick := func(of func(figure) float64) float64 {
		var v []float64
		for _, x := range f {
			v = append(v, of(x))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return figure{pick(func(x figure) float64 { return x.perSecond }),
		time.Duration(pick(func(x figure) float64 { return float64(x.cpu) })),
		time.Duration(pick(func(x figure) float64 { return float64(x.p50) })),
		time.Duration(pick(func(x figure) float64 { return float64(x.p99) }))}
}

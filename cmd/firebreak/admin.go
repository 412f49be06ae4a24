package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/go-json-experiment/json"

	"firebreak"
	"firebreak/audit"
	"firebreak/smart"
)

// The admin socket, DIR/admin.sock, lets the operator's commands work on a
// running directory. Whoever connects must be the user who runs the server (or
// root): the kernel says who it is (SO_PEERCRED), and the socket has mode 0600.
// One connection is one call: a line of JSON, then the bytes of a Bundle, of a
// request's body or of a task; the answer is a line of JSON. It has no way to read a record.

// operator is what the commands ask: the instance itself, or one that runs.
type operator interface {
	Import(ctx context.Context, in firebreak.Import) (firebreak.Imported, error)
	Explain(ctx context.Context, q firebreak.Question) (string, error)
	Knows(ctx context.Context, reference string) (bool, error)
	// Administer's peer is for the record; another process's is who the kernel
	// says it is.
	Administer(ctx context.Context, o smart.Operation, peer string) (smart.Operated, error)
}

type call struct {
	Do            string // "import", "explain", "knows", "administer"
	Authorization string
	Method        string
	Target        string
	Organization  string
	RequestID     string
	Size          int64 // bytes that follow
}

type result struct {
	Error    string
	Text     string
	Known    bool
	Imported firebreak.Imported
	Operated smart.Operated
}

const (
	maxCall   = 64 << 10
	maxBundle = 1 << 30 // bytes that follow a call, at most
)

func socketPath(dir string) string { return filepath.Join(dir, "admin.sock") }

// shortened is a path to the socket that fits into a socket address (108
// bytes), by the descriptor of its folder when it must.
func shortened(dir string) (path string, done func(), err error) {
	path = socketPath(dir)
	if len(path) < 100 {
		return path, func() {}, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/admin.sock", f.Fd()), func() { _ = f.Close() }, nil
}

// admit opens the socket. The journal's lock is held by now, so that one left
// behind belongs to nobody.
func admit(dir string) (net.Listener, error) {
	if err := os.Remove(socketPath(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	path, done, err := shortened(dir)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	defer done()
	// From its first moment nobody else may connect.
	old := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l, nil
}

// answerCalls answers until the listener is closed, and lets what runs then finish.
func answerCalls(ctx context.Context, l net.Listener, op operator, log *slog.Logger) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		running.Add(1)
		go func() {
			defer running.Done()
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			if err := answerCall(ctx, conn, op); err != nil {
				log.Warn("admin call failed", "error", err)
			}
		}()
	}
}

func answerCall(ctx context.Context, conn net.Conn, op operator) error {
	uid, err := peerUser(conn)
	if err != nil {
		return err
	}
	if uid != os.Geteuid() && uid != 0 {
		return fmt.Errorf("user %d may not use the admin socket", uid)
	}
	r := bufio.NewReaderSize(conn, maxCall)
	line, err := r.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return nil // somebody looked whether a server runs
	}
	if err != nil {
		return fmt.Errorf("read call: %w", err)
	}
	var in call
	if err := json.Unmarshal(line, &in); err != nil || in.Size < 0 || in.Size > maxBundle {
		return errors.New("read call: it is not one")
	}
	body := make([]byte, in.Size)
	if _, err := io.ReadFull(r, body); err != nil {
		return fmt.Errorf("read call: %w", err)
	}
	out := perform(ctx, op, in, body, "uid "+strconv.Itoa(uid))
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	_, err = conn.Write(append(b, '\n'))
	return err
}

func perform(ctx context.Context, op operator, in call, body []byte, peer string) (out result) {
	var err error
	switch in.Do {
	case "import":
		out.Imported, err = op.Import(ctx, firebreak.Import{Writer: firebreak.Writer{Organization: in.Organization},
			RequestID: in.RequestID, Bundle: body, Peer: peer})
	case "explain":
		out.Text, err = op.Explain(ctx, firebreak.Question{Authorization: in.Authorization, Method: in.Method, Target: in.Target, Body: body})
	case "knows":
		out.Known, err = op.Knows(ctx, in.Target)
	case "administer":
		var o smart.Operation
		if json.Unmarshal(body, &o) != nil {
			return result{Error: "the running server does not understand this call; is it of another version?"}
		}
		out.Operated, err = op.Administer(ctx, o, peer)
		err = mend(err, out.Operated.Known)
		out.Operated.Events = nil // they are on record
	default:
		err = errors.New("the running server does not know this call; is it of another version?")
	}
	if err != nil {
		out.Error = err.Error()
	}
	return out
}

// remote is an operator in another process.
type remote struct{ dir string }

func (r remote) call(ctx context.Context, in call, body []byte) (result, error) {
	path, done, err := shortened(r.dir)
	if err != nil {
		return result{}, err
	}
	defer done()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return result{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	in.Size = int64(len(body))
	head, err := json.Marshal(in)
	if err != nil {
		return result{}, err
	}
	if _, err := (&net.Buffers{head, []byte("\n"), body}).WriteTo(conn); err != nil {
		return result{}, fmt.Errorf("admin socket: %w", err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		return result{}, fmt.Errorf("admin socket: %w", err)
	}
	var out result
	if err := json.Unmarshal(b, &out); err != nil {
		return result{}, errors.New("the running server gave no answer; its log says why")
	}
	if out.Error != "" {
		return out, errors.New(out.Error)
	}
	return out, nil
}

func (r remote) Import(ctx context.Context, in firebreak.Import) (firebreak.Imported, error) {
	out, err := r.call(ctx, call{Do: "import", Organization: in.Writer.Organization, RequestID: in.RequestID}, in.Bundle)
	return out.Imported, err
}

func (r remote) Explain(ctx context.Context, q firebreak.Question) (string, error) {
	out, err := r.call(ctx, call{Do: "explain", Authorization: q.Authorization, Method: q.Method, Target: q.Target}, q.Body)
	return out.Text, err
}

func (r remote) Knows(ctx context.Context, reference string) (bool, error) {
	out, err := r.call(ctx, call{Do: "knows", Target: reference}, nil)
	return out.Known, err
}

func (r remote) Administer(ctx context.Context, o smart.Operation, _ string) (smart.Operated, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return smart.Operated{}, err
	}
	out, err := r.call(ctx, call{Do: "administer"}, body)
	return out.Operated, err
}

// runs reports whether a server answers at a directory's admin socket.
func runs(dir string) bool {
	path, release, err := shortened(dir)
	if err != nil {
		return false
	}
	defer release()
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// reach is the operator of a directory: the server that runs on it, or the
// directory opened here when none does.
func reach(c console, dir string) (op operator, done func() error, err error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, nil, usageError{"there is no directory " + dir}
	}
	if runs(dir) {
		return remote{dir}, func() error { return nil }, nil
	}
	d, err := readDemo(dir)
	if err != nil {
		return nil, nil, err
	}
	if d == nil {
		return nil, nil, fmt.Errorf("no server runs on %s, and it is not a demo directory that is ready; start `firebreak demo` or `firebreak serve` first, then try again. "+
			"What a server needs is in its configuration, not in its directory: where a command takes --config FILE, give it instead of --dir", dir)
	}
	i, err := firebreak.Open(c.ctx, demoConfig(dir, d.Base), quiet(c))
	if errors.Is(err, audit.ErrLocked) {
		return nil, nil, fmt.Errorf("a server on %s is starting or ending; try again in a moment", dir)
	}
	if err != nil {
		return nil, nil, err
	}
	return i, i.Close, nil
}

// quiet logs what needs attention only.
func quiet(c console) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

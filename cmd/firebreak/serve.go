package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"firebreak"
	"firebreak/audit"
	"firebreak/store"
)

type serveCommand struct {
	Config string `required:"" placeholder:"FILE" help:"The configuration, in YAML; docs/configuration.md has every key."`
}

func (serveCommand) Help() string {
	return "SIGTERM or SIGINT lets running requests finish and ends the server; SIGHUP reads the policies again. The log goes to standard error and holds no content."
}

func (s serveCommand) Run(c console) error {
	cfg, err := firebreak.LoadConfig(s.Config)
	if err != nil {
		return err
	}
	log := logger(c, cfg.Log)
	i, err := open(c, cfg, log)
	if err != nil {
		return err
	}
	return serve(c, i, cfg.Dir, log, func() { c.print("ready %s", i.Base()) })
}

// open opens an instance, with a mend in the usual error.
func open(c console, cfg firebreak.Config, log *slog.Logger) (*firebreak.Instance, error) {
	i, err := firebreak.Open(c.ctx, cfg, log)
	switch {
	case errors.Is(err, firebreak.ErrInUse):
		return nil, fmt.Errorf("another server runs on %s, or an import or explain without one; end it first, or use another directory", cfg.Dir)
	case errors.Is(err, audit.ErrLocked), errors.Is(err, store.ErrLocked):
		return nil, fmt.Errorf("%w; end the other server first: two of them cannot share it", err)
	}
	return i, c.unlessStopped(err)
}

// callDrain is how long an operator's call may go on when the server ends.
const callDrain = 10 * time.Second

// serve answers requests and operator's calls until the context ends, then
// closes everything.
func serve(c console, i *firebreak.Instance, dir string, log *slog.Logger, ready func()) (err error) {
	defer func() { err = errors.Join(err, i.Close()) }()
	admin, err := admit(dir)
	if err != nil {
		return err
	}
	calls, stop := context.WithCancel(context.WithoutCancel(c.ctx))
	answered := make(chan struct{})
	go func() {
		answerCalls(calls, admin, i, log)
		close(answered)
	}()
	defer func() {
		defer stop()
		_ = admin.Close()
		_ = os.Remove(socketPath(dir))
		drain := time.NewTimer(callDrain)
		defer drain.Stop()
		select {
		case <-answered:
		case <-drain.C:
		}
	}()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	ready()
	err = i.Run(c.ctx, reload)
	log.Info("server ended")
	return err
}

func logger(c console, l firebreak.LogConfig) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo
	}
	opt := &slog.HandlerOptions{Level: level}
	if l.Format == "text" {
		return slog.New(slog.NewTextHandler(c.stderr, opt))
	}
	return slog.New(slog.NewJSONHandler(c.stderr, opt))
}

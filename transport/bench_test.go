package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

// The two benchmarks answer the same requests with the same headers and body,
// over the same TLS, to the same 64 clients. Their ratio is what the transport
// costs: go test -run xxx -bench Read ./transport

var benchBody = `{"resourceType":"Patient","text":"` + strings.Repeat("x", 3000) + `"}`

const benchGet = "GET /fhir/Patient/1234 HTTP/1.1\r\nHost: fhir.test\r\nAccept: application/fhir+json\r\nUser-Agent: bench/1.0\r\nAuthorization: Bearer "

var benchToken = strings.Repeat("t", 800) + "\r\n\r\n"

func BenchmarkReadFirebreak(b *testing.B) {
	reply := answer(200, benchBody, [2]string{"ETag", `W/"1"`}, [2]string{"Last-Modified", "Sun, 01 Nov 2026 08:00:00 GMT"})
	r := start(b, func(context.Context, fhir.Request) gate.Reply { return reply }, func(c *transport.Config) { c.Logger = nil })
	drive(b, r.Addr().String(), r.tls(), benchGet+benchToken)
}

func BenchmarkReadBare(b *testing.B) {
	h := func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for name, v := range guarded {
			h.Set(name, v)
		}
		h.Set("X-Request-Id", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		h.Set("ETag", `W/"1"`)
		h.Set("Last-Modified", "Sun, 01 Nov 2026 08:00:00 GMT")
		h.Set("Content-Type", "application/fhir+json; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(benchBody)))
		io.WriteString(w, benchBody)
	}
	addr, cfg := bare(b, h)
	drive(b, addr, cfg, benchGet+benchToken)
}

func benchPost() string {
	return "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nContent-Type: application/fhir+json\r\nContent-Length: " +
		strconv.Itoa(len(benchBody)) + "\r\nAuthorization: Bearer " + benchToken + benchBody
}

func BenchmarkWriteFirebreak(b *testing.B) {
	reply := answer(201, benchBody)
	r := start(b, func(context.Context, fhir.Request) gate.Reply { return reply }, func(c *transport.Config) { c.Logger = nil })
	drive(b, r.Addr().String(), r.tls(), benchPost())
}

func BenchmarkWriteBare(b *testing.B) {
	addr, cfg := bare(b, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(benchBody)))
		w.WriteHeader(201)
		io.WriteString(w, benchBody)
	})
	drive(b, addr, cfg, benchPost())
}

// bare is net/http alone.
func bare(b *testing.B, h http.HandlerFunc) (string, *tls.Config) {
	pair := selfSigned(b, p256(b), "bare.test")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}}
	go s.ServeTLS(l, "", "")
	b.Cleanup(func() { s.Close() })
	return l.Addr().String(), &tls.Config{InsecureSkipVerify: true}
}

// drive has 64 connections ask over and over. The client does as little as it can.
func drive(b *testing.B, addr string, cfg *tls.Config, request string) {
	b.SetParallelism(32) // on 2 processors
	b.ReportAllocs()
	b.SetBytes(int64(len(benchBody)))
	ask := []byte(request)
	b.RunParallel(func(pb *testing.PB) {
		c, err := tls.Dial("tcp", addr, cfg)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		in := bufio.NewReaderSize(c, 8<<10)
		for pb.Next() {
			if _, err := c.Write(ask); err != nil {
				b.Error(err)
				return
			}
			for n := 3; n > 2; {
				line, err := in.ReadSlice('\n')
				if err != nil {
					b.Error(err)
					return
				}
				n = len(line)
			}
			if _, err := in.Discard(len(benchBody)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

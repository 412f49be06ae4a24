package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

// A server with a certificate authority of its own. The handler can answer only
// with what the gate has closed.
func Example() {
	dir, err := os.MkdirTemp("", "firebreak")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := transport.LocalCA(dir, nil, clock.System{}); err != nil {
		panic(err)
	}
	files := transport.LocalCAFiles(dir)
	g := gate.New(nil, nil)
	s, err := transport.New(transport.Config{
		Listen: "127.0.0.1:0", Base: "https://127.0.0.1:0/fhir",
		CertFile: files.Cert, KeyFile: files.Key,
	}, func(ctx context.Context, req fhir.Request) gate.Reply {
		reply, _ := g.Close(ctx, noRecord{}, g.ReleaseProblem(fhir.Absent(), req.Visit, false), nil, nil)
		return reply // on an error the zero Reply: an empty 503
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx) }()

	roots := x509.NewCertPool()
	ca, _ := os.ReadFile(files.CA)
	roots.AppendCertsFromPEM(ca)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	res, err := (&http.Client{Transport: tr}).Get(s.Base() + "/Patient/1")
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(body))
	tr.CloseIdleConnections()
	stop()
	fmt.Println(<-ended)
	// Output:
	// 404 {"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","diagnostics":"no such resource"}]}
	// <nil>
}

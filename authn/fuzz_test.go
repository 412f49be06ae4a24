package authn

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"firebreak/fhir/r4"

	"github.com/go-jose/go-jose/v4"
)

// FuzzVerify changes good tokens and forgeries in any way: nothing but the good
// tokens themselves may pass, and every other answer is a Refusal.
func FuzzVerify(f *testing.F) {
	d := newDesk(f, jose.ES256, func(i *Issuer) { i.Algorithms = []string{"ES256", "EdDSA"} })
	ed := testSigner(f, "own", jose.EdDSA)
	d.publish(f, d.own, ed)
	d.clk.Advance(fileCheckGap)
	good := map[string]bool{
		d.good(): true,
		ed.sign(headerOf(ed.alg, ed.kid, ""), d.claims(nil)): true,
	}
	for token := range good {
		if _, err := d.verify(token); err != nil {
			f.Fatal(err)
		}
		f.Add("Bearer " + token)
	}
	for _, forgery := range d.forgeries() {
		f.Add("bearer  " + forgery.token)
	}
	f.Add("")
	f.Add("Basic dTpw")
	f.Fuzz(func(t *testing.T, header string) {
		_, err := d.v.Verify(noContext, header)
		if err == nil {
			_, token, _ := strings.Cut(header, " ")
			if !good[strings.TrimLeft(token, " ")] {
				t.Fatalf("accepted: %q", header)
			}
			return
		}
		var r *Refusal
		if !errors.As(err, &r) || r.Status != 400 && r.Status != 401 || r.Description == "" {
			t.Fatalf("error = %#v, want a Refusal", err)
		}
	})
}

// FuzzClaims: what verified claims become is always in the form Token promises.
func FuzzClaims(f *testing.F) {
	d := newDesk(f, jose.ES256, func(i *Issuer) { i.FHIRBases = []string{testAud} })
	f.Add(d.claims(nil))
	f.Add(strings.TrimSuffix(d.claims(nil), "}") + `,"scp":["a"],"fhirUser":"Patient/1","patient":"1","roles":["r"],"purpose_of_use":"TREAT"}`)
	f.Fuzz(func(t *testing.T, claims string) {
		tok, err := d.verify(d.own.sign(d.header(""), claims))
		if err != nil {
			return
		}
		user, ok := relativeUser(tok.FHIRUser, nil)
		texts := append([]string{tok.Subject, tok.ClientID, tok.JTI, tok.Scope, tok.Purpose, tok.ACR}, append(tok.Roles, tok.Organization...)...)
		for _, s := range texts {
			if !printable(s) {
				t.Fatalf("control character in %q", s)
			}
		}
		switch {
		case tok.Issuer != testIss, tok.Subject == "", tok.Expires.IsZero(), !start.Before(tok.Expires.Add(d.issuer.Leeway)):
			t.Fatalf("accepted: %+v", tok)
		case tok.FHIRUser != "" && (!ok || user != tok.FHIRUser):
			t.Fatalf("fhirUser %q", tok.FHIRUser)
		case tok.Patient != "" && !r4.IsID(tok.Patient):
			t.Fatalf("patient %q", tok.Patient)
		}
	})
}

// FuzzKeySet: any bytes give an error or keys that fit an algorithm each.
func FuzzKeySet(f *testing.F) {
	for _, alg := range supported {
		src, err := publicJSON(testSigner(f, "own", alg))
		must(f, err)
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		set, err := parseKeySet(src)
		if (err == nil) == (set == nil) {
			t.Fatalf("set %v, error %v", set, err)
		}
		if err != nil {
			return
		}
		for _, k := range set.keys {
			fits := 0
			for _, alg := range supported {
				if k.fits(alg) {
					fits++
				}
			}
			if fits == 0 || len(set.keys) > maxKeys {
				t.Fatalf("unusable key kept: %+v", k)
			}
		}
	})
}

// alwaysFirst remembers nothing, so that a fuzzed proof may be tried again.
type alwaysFirst struct{}

func (alwaysFirst) Once(context.Context, string, time.Time) (bool, error) { return true, nil }

// FuzzProof changes good proofs and forgeries in any way: only the good proofs
// themselves may pass, and every other answer is a Refusal.
func FuzzProof(f *testing.F) {
	d := newDesk(f, jose.ES256, nil)
	p, other := testProver(f, "client", jose.ES256), testProver(f, "other client", jose.ES256)
	d.v.proofs, _ = NewProofs(ProofConfig{Clock: d.clk, Replay: alwaysFirst{}})
	token := d.bound(p)
	good := p.proof(token, nil, nil)
	f.Add(good)
	pass := map[string]bool{good: true}
	for _, c := range p.forgeries(token, other) {
		for _, proof := range c.DPoP {
			f.Add(proof)
			// Some are bad only for what they are sent with: two at once, as Bearer.
			if c.want == manyProofs || c.want == boundToKey {
				pass[proof] = true
			}
		}
	}
	f.Fuzz(func(t *testing.T, proof string) {
		_, err := d.v.VerifyRequest(noContext, p.request(token, proof))
		var r *Refusal
		switch {
		case err == nil && !pass[proof]:
			t.Fatalf("accepted: %q", proof)
		case err != nil && (!errors.As(err, &r) || r.Status != 401 || r.Scheme != DPoP || r.Description == ""):
			t.Fatalf("error = %#v, want a Refusal", err)
		}
	})
}

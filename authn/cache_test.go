package authn

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestRememberedTokenStillEnds(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	good := d.good()
	for _, at := range []time.Duration{0, 5*time.Minute + 10*time.Second - 1} {
		d.clk.Set(start.Add(at))
		if _, err := d.verify(good); err != nil {
			t.Fatalf("after %v: %v", at, err)
		}
	}
	d.clk.Set(start.Add(5*time.Minute + 10*time.Second))
	_, err := d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", expired)
}

// TestSkewedClockLetsNothingThrough: a clock ten minutes off, either way, must
// not stretch a token beyond its end and the leeway, remembered or not.
func TestSkewedClockLetsNothingThrough(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	good := d.good()
	if _, err := d.verify(good); err != nil {
		t.Fatal(err)
	}
	d.clk.Set(start.Add(-10 * time.Minute))
	_, err := d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", tooEarly)
	d.clk.Set(start.Add(10 * time.Minute))
	_, err = d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", expired)
	d.clk.Set(start)
	if _, err := d.verify(good); err != nil {
		t.Errorf("with the clock right again: %v", err)
	}
}

func TestRefusedTokensAreNotRemembered(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	for _, f := range d.forgeries() {
		if _, err := d.verify(f.token); err == nil {
			t.Fatalf("%s: accepted", f.name)
		}
		if f.want == boundToKey || f.want == boundToCertificate {
			continue // a good token: each request with it must prove anew
		}
		if _, ok := d.v.cache.get(sha256.Sum256([]byte(f.token))); ok {
			t.Errorf("%s: remembered", f.name)
		}
	}
}

func TestCacheForgetsTheLongestUnused(t *testing.T) {
	c := newCache(2 * shards) // two in each shard
	hash := func(n byte) [32]byte { return [32]byte{1: n} }
	put := func(n byte) { c.put(hash(n), entry{token: Token{Subject: fmt.Sprint(n)}}) }
	put(1)
	put(2)
	c.get(hash(1))
	put(3) // 2 goes
	for n, want := range map[byte]bool{1: true, 2: false, 3: true} {
		if e, ok := c.get(hash(n)); ok != want || ok && e.token.Subject != fmt.Sprint(n) {
			t.Errorf("token %d: remembered %t, want %t", n, ok, want)
		}
	}
	c.drop(hash(1))
	c.drop(hash(1))
	put(4)
	put(4)
	if _, ok := c.get(hash(3)); !ok {
		t.Error("a token put twice took two places")
	}
	for n := range 1000 {
		c.put(sha256.Sum256(fmt.Append(nil, n)), entry{})
	}
	size := 0
	for n := range c.parts {
		size += len(c.parts[n].byKey)
		if c.parts[n].order.Len() != len(c.parts[n].byKey) {
			t.Error("map and list differ")
		}
	}
	if size > 2*shards {
		t.Errorf("%d tokens remembered, want at most %d", size, 2*shards)
	}
}

// TestManyCallersWhileKeysChange: with the old key withdrawn and put back all
// the time, a token is accepted or refused for want of its key, and when the
// key is gone for good it is refused.
func TestManyCallersWhileKeysChange(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	next := testSigner(t, "next", jose.ES256)
	tokens := []string{d.good(), d.good(), d.good(), next.sign(headerOf(next.alg, next.kid, ""), d.claims(nil))}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 200 {
				tok, err := d.verify(tokens[(n+i)%len(tokens)])
				var r *Refusal
				if err == nil && tok.Subject != "self-test" || err != nil && (!errors.As(err, &r) || r.Description != string(unknownKey)) {
					t.Errorf("Verify = %q, %v", tok.Subject, err)
					return
				}
			}
		})
	}
	for n := range 40 {
		if n%2 == 0 {
			d.publish(t, next)
		} else {
			d.publish(t, d.own, next)
		}
		d.clk.Advance(fileCheckGap)
	}
	wg.Wait()
	d.publish(t, next)
	d.clk.Advance(fileCheckGap)
	_, err := d.verify(tokens[0])
	wantRefusal(t, err, 401, "invalid_token", unknownKey)
	if _, err := d.verify(tokens[3]); err != nil {
		t.Error(err)
	}
}

package firebreak

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/smart"
)

func TestThrottleCountsByClientAndByPerson(t *testing.T) {
	now := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	th := newThrottle(Rate{PerSecond: 2, Burst: 5}, Rate{PerSecond: 1, Burst: 3}, nil)
	anna := gate.Identity{Issuer: "i", Subject: "anna", ClientID: "app", FHIRUser: "Practitioner/anna"}
	ben, other, abroad, system := anna, anna, anna, anna
	ben.Subject, other.ClientID, abroad.Issuer = "ben", "other app", "another issuer"
	system.Subject, system.FHIRUser = "app", ""
	for n, c := range []struct {
		who  gate.Identity
		at   time.Duration
		wait int // 0 when it is taken
	}{
		{anna, 0, 0}, {anna, 0, 0}, {anna, 0, 0}, {anna, 0, 1}, // her three
		{anna, 0, 1},                          // one refused is not counted, so the wait does not grow
		{ben, 0, 0}, {ben, 0, 0}, {ben, 0, 1}, // the application's five
		{system, 0, 1}, // which is a client and no person
		{abroad, 0, 0}, // of the same name elsewhere
		{other, 0, 1},  // another application does not help her
		{system, 500 * time.Millisecond, 0}, {system, 500 * time.Millisecond, 1},
		{anna, 1500 * time.Millisecond, 0}, {anna, 1500 * time.Millisecond, 1},
		{other, time.Hour, 0}, {other, time.Hour, 0}, {other, time.Hour, 0}, {other, time.Hour, 1}, // three, not more for the rest
	} {
		err := th.take(c.who, now.Add(c.at))
		var p *fhir.Problem
		switch {
		case c.wait == 0 && err != nil:
			t.Errorf("request %d: %v, want it taken", n, err)
		case c.wait > 0 && (!errors.As(err, &p) || p.Code != fhir.Throttled || p.RetryAfter != c.wait):
			t.Errorf("request %d: %v, want it refused for %d s", n, err, c.wait)
		}
	}
}

// TestOurPagesAreNoApplication: all people are at them, so that one who asks too
// much must not keep the others from choosing a patient. Elsewhere a client of
// that name is one like others.
func TestOurPagesAreNoApplication(t *testing.T) {
	now := time.Unix(0, 0)
	th := newThrottle(Rate{PerSecond: 1, Burst: 1}, Rate{PerSecond: 1, Burst: 3}, (&identity{}).rateOf("us"))
	for n, c := range []struct {
		issuer, person string
		taken          bool
	}{{"us", "anna", true}, {"us", "anna", true}, {"us", "anna", true}, {"us", "anna", false}, {"us", "ben", true}, {"others", "cleo", true}, {"others", "dan", false}} {
		err := th.take(gate.Identity{Issuer: c.issuer, Subject: c.person, ClientID: smart.OwnClient, FHIRUser: "Practitioner/x"}, now)
		if (err == nil) != c.taken {
			t.Errorf("request %d, of %s: %v, want it taken: %t", n, c.person, err, c.taken)
		}
	}
}

func TestThrottleIsOffByDefault(t *testing.T) {
	th := newThrottle(Rate{}, Rate{}, nil)
	for range 1000 {
		if err := th.take(gate.Identity{Subject: "anna", FHIRUser: "Practitioner/anna"}, time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if newThrottle(Rate{PerSecond: 7}, Rate{}, nil).clients.rate.Burst != 70 {
		t.Error("without a burst it is ten seconds' worth")
	}
}

func TestThrottleRemembersSoManyAndNoMore(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBuckets(Rate{PerSecond: 1, Burst: 1}, 2)
	for _, name := range []string{"a", "b", "a", "c"} { // b goes
		b.of(name).AllowN(now, 1)
	}
	for n := range 1000 {
		b.of("a")
		b.of(fmt.Sprint(n))
	}
	if len(b.byName) != 2 || b.order.Len() != 2 {
		t.Errorf("%d remembered, want 2", len(b.byName))
	}
	if b.of("a").AllowN(now, 1) {
		t.Error("who asks all the time is forgotten")
	}
}

// TestAClientMayHaveARateOfItsOwn: as it is registered, beside those of all
// others, and as soon as that changes.
func TestAClientMayHaveARateOfItsOwn(t *testing.T) {
	own := 2
	th := newThrottle(Rate{PerSecond: 100}, Rate{}, func(issuer, client string) int {
		if issuer == "i" && client == "slow" {
			return own
		}
		return 0
	})
	now := time.Unix(0, 0)
	taken := func(client string) (n int) {
		for range 500 {
			if th.take(gate.Identity{Issuer: "i", Subject: client, ClientID: client}, now) == nil {
				n++
			}
		}
		return n
	}
	if slow, other := taken("slow"), taken("other"); slow != 20 || other != 500 {
		t.Errorf("taken %d and %d at once, want 20 and 500", slow, other)
	}
	own, now = 30, now.Add(time.Hour)
	taken("slow")
	if n := taken("slow"); n != 0 {
		t.Errorf("%d more at once", n)
	}
	now = now.Add(time.Second)
	if n := taken("slow"); n != 30 {
		t.Errorf("taken %d a second, want 30", n)
	}
}

// TestRequestsRefusedTogetherCountForNothing: however many at once are refused,
// nobody waits for longer because of them: not who sent them, and not another
// person at the same application.
func TestRequestsRefusedTogetherCountForNothing(t *testing.T) {
	start := time.Unix(0, 0)
	th := newThrottle(Rate{PerSecond: 1, Burst: 20}, Rate{PerSecond: 1, Burst: 10}, nil)
	anna := gate.Identity{Issuer: "i", Subject: "anna", ClientID: "app", FHIRUser: "Practitioner/anna"}
	ben := anna
	ben.Subject = "ben"
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20_000 {
				_ = th.take(anna, start)
			}
		})
	}
	all.Wait()
	for range 10 {
		if err := th.take(ben, start); err != nil {
			t.Fatal("another person is refused what the application has left")
		}
	}
	if err := th.take(anna, start.Add(time.Second)); err != nil {
		t.Error("who asked in vain waits for longer than a second")
	}
}

// TestPeopleWithoutARecordAreHeldToTheirRateToo: an administrator who is nobody in
// the records is a person all the same, and a system of ours is none.
func TestPeopleWithoutARecordAreHeldToTheirRateToo(t *testing.T) {
	now := time.Unix(0, 0)
	for _, c := range []struct {
		name string
		who  func(n int) gate.Identity
		want int
	}{
		{"a person at two applications", func(n int) gate.Identity {
			return gate.Identity{Issuer: "ours", Subject: "adam", ClientID: fmt.Sprint("app", n%2)}
		}, 5},
		{"a system", func(int) gate.Identity { return gate.Identity{Issuer: "ours", Subject: "lab", ClientID: "lab"} }, 50},
		{"a system's requests for tokens", func(int) gate.Identity { return gate.Identity{Issuer: "ours", ClientID: "lab"} }, 50},
		{"somebody elsewhere, who may be a system", func(int) gate.Identity {
			return gate.Identity{Issuer: "theirs", Subject: "service-account", ClientID: "lab"}
		}, 50},
	} {
		th := newThrottle(Rate{PerSecond: 5, Burst: 50}, Rate{PerSecond: 1, Burst: 5}, nil)
		th.ours = "ours"
		taken := 0
		for n := range 100 {
			if th.take(c.who(n), now) == nil {
				taken++
			}
		}
		if taken != c.want {
			t.Errorf("%s: %d requests at once, want %d", c.name, taken, c.want)
		}
	}
}

package person_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"firebreak/clock"
	"firebreak/smart/person"
	"firebreak/vault"
)

// A person is invited, chooses a password by the link in the letter, and signs in.
func Example() {
	ctx := context.Background()
	clk := clock.NewFixed(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC))
	box := &mailbox{}
	people, err := person.New(vault.New(vault.NewMemory(), vault.RandomKeys(), clk), clk, box, person.Options{
		Link: func(p person.Purpose, token string) string {
			return "https://ehr.example/auth/" + string(p) + "#" + token
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer people.Close()

	_, _, err = people.Invite(ctx, person.Hands{By: "admin"}, person.Newcomer{Login: "Anna", Email: "anna@ehr.example", FHIRUser: "Practitioner/anna"})
	fmt.Println("one administrator:", err)
	_, _, err = people.Invite(ctx, person.Hands{By: "admin", Second: "head-nurse"}, person.Newcomer{Login: "Anna", Email: "anna@ehr.example", FHIRUser: "Practitioner/anna"})
	fmt.Println("two:", err)

	_, token, _ := strings.Cut(box.letters[0].Link, "#")
	_, _, err = people.Accept(ctx, token, "drei nasse Enten", "192.0.2.1")
	fmt.Println("accepted:", err)

	step, _ := people.SignIn(ctx, "anna", "drei nasse Enten", "192.0.2.1")
	fmt.Println(step.ACR, step.AMR, step.Done)
	_, err = people.SignIn(ctx, "nobody", "drei nasse Enten", "192.0.2.1")
	fmt.Println(err, errors.Is(err, person.ErrWrong))
	// Output:
	// one administrator: a second administrator must agree
	// two: <nil>
	// accepted: <nil>
	// urn:firebreak:acr:1 [pwd] true
	// that is not right true
}

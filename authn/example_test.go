package authn_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"firebreak/authn"
	"firebreak/clock"
)

func ExampleVerifier_Verify() {
	dir, err := os.MkdirTemp("", "issuer")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	clk := clock.NewFixed(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))
	issuer, err := authn.OpenLocalIssuer(dir, authn.LocalConfig{Name: "https://localhost/local", Audience: "https://localhost/fhir"}, clk)
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := authn.New(authn.Config{Issuers: []authn.Issuer{issuer.Issuer()}}, clk, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := verifier.SelfTest(); err != nil {
		fmt.Println("do not start:", err)
		return
	}
	token, err := issuer.Mint(authn.LocalClaims{Subject: "anna", FHIRUser: "Practitioner/anna", Scope: "user/*.rs"}, 10*time.Minute)
	if err != nil {
		fmt.Println(err)
		return
	}
	who, err := verifier.Verify(context.Background(), "Bearer "+token)
	fmt.Println(who.FHIRUser, who.Scope, err)

	clk.Advance(10 * time.Minute)
	_, err = verifier.Verify(context.Background(), "Bearer "+token)
	var refusal *authn.Refusal
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Status, refusal.Code, refusal.Description)
	}
	// Output:
	// Practitioner/anna user/*.rs <nil>
	// 401 invalid_token the token has expired
}

package client_test

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"firebreak/clock"
	"firebreak/smart/client"
	"firebreak/vault"
)

func Example() {
	clk := clock.NewFixed(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))
	v := vault.New(vault.NewMemory(), vault.RandomKeys(), clk)
	keys, _ := client.NewFetcher(client.Outbound{}, clk)
	registry := client.NewRegistry(v, clk, keys)
	_, secret, err := registry.Register(context.Background(), client.Client{
		ID: "ward", Name: "Ward board", Kind: client.Confidential, Method: client.SecretPost,
		RedirectURIs: []string{"https://ward.example/cb"}, Scopes: []string{"user/Patient.rs"},
	}, "admin")
	if err != nil {
		fmt.Println(err)
		return
	}
	authenticator, _ := client.NewAuthenticator(registry)
	for _, s := range []string{secret, "guessed"} {
		c, method, err := authenticator.Authenticate(context.Background(),
			client.Request{Form: url.Values{"client_id": {"ward"}, "client_secret": {s}}})
		fmt.Printf("%q %q %v\n", c.Name, method, err)
	}
	c, _ := registry.Load(context.Background(), "ward")
	fmt.Println(client.RedirectAllowed(c.Client, "https://ward.example/cb"), client.RedirectAllowed(c.Client, "https://ward.example/cb?x"))
	// Output:
	// "Ward board" "client_secret_post" <nil>
	// "" "" invalid_client: the secret is wrong or has ended
	// true false
}

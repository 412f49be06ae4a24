package vault_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/vault"
)

// TestWhatOthersCarryIsSealed: it comes back as it was, until its end; nobody who
// has it reads it, changes it, gives it another end, or takes it for something else.
func TestWhatOthersCarryIsSealed(t *testing.T) {
	clk := clock.NewFixed(time.Unix(1_000_000, 0))
	table, keys := vault.NewMemory(), vault.RandomKeys()
	v, kind := vault.New(table, keys, clk), vault.Of[secret]("secret")
	end := clk.Now().Add(time.Minute)
	text, err := kind.Carried(v, secret{"hunter2"}, end)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || strings.Contains(string(raw), "hunter2") {
		t.Errorf("%q, %v", raw, err)
	}
	other := vault.New(vault.NewMemory(), keys, clk) // another node with the same keys
	if got, until, err := kind.Returned(other, text); err != nil || got.Password != "hunter2" || !until.Equal(end) {
		t.Errorf("returned %+v, %v, %v", got, until, err)
	}
	absent := func(what, text string, v *vault.Vault, k vault.Kind[secret]) {
		t.Helper()
		if got, _, err := k.Returned(v, text); !errors.Is(err, vault.ErrAbsent) || got.Password != "" {
			t.Errorf("%s: %+v, %v, want ErrAbsent", what, got, err)
		}
	}
	for i := range raw {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		absent("a changed byte", base64.RawURLEncoding.EncodeToString(changed), v, kind)
		absent("cut", base64.RawURLEncoding.EncodeToString(raw[:i]), v, kind)
	}
	absent("not base64", text+"=", v, kind)
	absent("of another kind", text, v, vault.Of[secret]("other"))
	absent("of other keys", text, vault.New(table, vault.RandomKeys(), clk), kind)
	// A body of the table is nothing that was handed out.
	if err := v.Apply(context.Background(), vault.Of[secret]("carried.secret").New("n", secret{"kept"}, end)); err != nil {
		t.Fatal(err)
	}
	row, _, _ := table.Row(context.Background(), "carried.secret", "n", clk.Now().UnixMilli())
	absent("an entry", base64.RawURLEncoding.EncodeToString(append(raw[:8:8], row.Body...)), v, kind)
	clk.Set(end)
	absent("at its end", text, v, kind)
}

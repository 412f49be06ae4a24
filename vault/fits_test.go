package vault_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/vault"
)

// TestKeysOfAnotherTableAreFoundOut, before they seal or name anything.
func TestKeysOfAnotherTableAreFoundOut(t *testing.T) {
	table, ctx := vault.NewMemory(), context.Background()
	fits := func(lines ...byte) error {
		var keys [][]byte
		for _, l := range lines {
			keys = append(keys, bytes.Repeat([]byte{l}, 32))
		}
		k, err := vault.NewKeys(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return vault.New(table, k, clock.NewFixed(time.Unix(1, 0))).Fits(ctx)
	}
	if begun, err := vault.Begun(ctx, table); begun || err != nil {
		t.Errorf("an empty table: begun = %t, %v", begun, err)
	}
	for _, c := range []struct {
		name string
		file []byte
		want error
	}{
		{"the first keys", []byte{1}, nil},
		{"the same again", []byte{1}, nil},
		{"a new one before", []byte{2, 1}, nil},
		{"others", []byte{3}, vault.ErrOtherKeys},
		{"a new one behind", []byte{1, 2}, vault.ErrOtherLast},
		{"the right ones again", []byte{2, 1}, nil},
	} {
		if err := fits(c.file...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if begun, err := vault.Begun(ctx, table); !begun || err != nil {
		t.Errorf("a used table: begun = %t, %v", begun, err)
	}
}

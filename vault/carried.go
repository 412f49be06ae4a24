package vault

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// Carried is a value for somebody else to carry until it comes back, such as a
// page that anybody may look at: nothing of it is kept here. Who has it can
// neither read nor change it, and it is of this kind alone. It may come back any
// number of times before its end: what must count once asks Once.
func (k Kind[T]) Carried(v *Vault, value T, until time.Time) (string, error) {
	body, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("hand out %s: %w", k.name, err)
	}
	end := until.UnixMilli()
	out := binary.BigEndian.AppendUint64(nil, uint64(end))
	return base64.RawURLEncoding.EncodeToString(append(out, v.keys.shut(k.carried(), "", end, body)...)), nil
}

// Returned is what Carried gave, with its end; ErrAbsent for what was never given
// out, or whose time is up.
func (k Kind[T]) Returned(v *Vault, text string) (value T, until time.Time, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 8 {
		return value, until, ErrAbsent
	}
	end := int64(binary.BigEndian.Uint64(b))
	body, err := v.keys.open(k.carried(), "", end, b[8:])
	if err != nil || end <= v.now() {
		return value, until, ErrAbsent
	}
	if err := json.Unmarshal(body, &value); err != nil {
		return value, until, fmt.Errorf("open %s: %w", k.name, err)
	}
	return value, time.UnixMilli(end).UTC(), nil
}

// carried keeps what is handed out apart from entries of the same kind.
func (k Kind[T]) carried() string { return "carried." + k.name }

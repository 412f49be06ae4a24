// Reading from a backend without a permit.
//
// want: not enough arguments in call to b.View
package forge

import (
	"context"

	"firebreak"
)

func skip(ctx context.Context, b firebreak.Backend) error {
	return b.View(ctx, func(firebreak.Snapshot) error { return nil })
}
